#include "client/cpp/settled.h"

#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/message_differencer.h"

namespace vade::client {
namespace {

using google::protobuf::FieldDescriptor;
using sampler::v1::Run;

// Fields from this number on are set by the server; so is the name.
constexpr int kFirstServerField = 40;

bool SameField(const Run& run, const Run& wanted,
               const FieldDescriptor* field) {
  google::protobuf::util::MessageDifferencer differencer;
  return differencer.CompareWithFields(run, wanted, {field}, {field});
}

bool IsSet(const Run& run, const FieldDescriptor* field) {
  return run.GetReflection()->HasField(run, field);
}

}  // namespace

bool HasSettings(const Run& run, const Run& wanted) {
  std::vector<const FieldDescriptor*> fields;
  wanted.GetReflection()->ListFields(wanted, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->name() == "name" || field->number() >= kFirstServerField) {
      continue;
    }
    if (!SameField(run, wanted, field)) return false;
  }
  return true;
}

bool HasSettings(const Run& run, const Run& wanted,
                 const google::protobuf::FieldMask& mask) {
  for (const std::string& path : mask.paths()) {
    const FieldDescriptor* field = Run::GetDescriptor()->FindFieldByName(path);
    if (field == nullptr) return false;
    if (IsSet(wanted, field) && !SameField(run, wanted, field)) return false;
  }
  return true;
}

}  // namespace vade::client
