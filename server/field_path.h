// FieldPath: where in a request a value stands, as in
// "reports[2].groups[7].rewards[3]". A chain of borrowed parts, turned into
// text only when there is an error to tell, so that checking a large request
// costs nothing for it. Parents outlive their children: keep a path on the
// stack. Thread-compatible.
#ifndef VADE_SERVER_FIELD_PATH_H_
#define VADE_SERVER_FIELD_PATH_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace vade::server {

class FieldPath {
 public:
  // `name` is a literal. Implicit: a name is a path.
  FieldPath(const char* name) : name_(name) {}  // NOLINT
  FieldPath(const FieldPath& parent, const char* name)
      : parent_(&parent), name_(name) {}
  // An element of a repeated field.
  FieldPath(const FieldPath& parent, const char* name, int64_t index)
      : parent_(&parent), name_(name), index_(index) {}
  FieldPath(const char* name, int64_t index) : name_(name), index_(index) {}

  std::string ToString() const {
    std::string text = parent_ == nullptr
                           ? name_
                           : absl::StrCat(parent_->ToString(), ".", name_);
    if (index_ >= 0) absl::StrAppend(&text, "[", index_, "]");
    return text;
  }

 private:
  const FieldPath* parent_ = nullptr;
  const char* name_;
  int64_t index_ = -1;
};

}  // namespace vade::server

#endif  // VADE_SERVER_FIELD_PATH_H_
