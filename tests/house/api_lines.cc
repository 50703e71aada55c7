#include "tests/house/api_lines.h"

#include <algorithm>
#include <iterator>

namespace vade::house {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::EnumDescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;
using google::protobuf::ServiceDescriptorProto;

constexpr char kPackage[] = "vade.sampler.v1";

// "TYPE_UINT32" reads "uint32".
std::string TypeName(const FieldDescriptorProto& field) {
  if (!field.type_name().empty()) return field.type_name().substr(1);
  std::string name =
      FieldDescriptorProto::Type_Name(field.type()).substr(sizeof("TYPE_") - 1);
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return name;
}

class LineWriter {
 public:
  void File(const FileDescriptorProto& file) {
    for (const auto& message : file.message_type()) Message(kPackage, message);
    for (const auto& type : file.enum_type()) Enum(kPackage, type);
    for (const auto& service : file.service()) Service(service);
  }

  std::vector<std::string> Take() {
    std::sort(lines_.begin(), lines_.end());
    return std::move(lines_);
  }

 private:
  void Message(const std::string& scope, const DescriptorProto& message) {
    const std::string name = scope + "." + message.name();
    lines_.push_back("message " + name);
    for (const auto& field : message.field()) Field(name, message, field);
    for (const auto& nested : message.nested_type()) Message(name, nested);
    for (const auto& type : message.enum_type()) Enum(name, type);
  }

  void Field(const std::string& scope, const DescriptorProto& message,
             const FieldDescriptorProto& field) {
    std::string line = "field " + scope + "." + field.name() + " = " +
                       std::to_string(field.number()) + " ";
    if (field.label() == FieldDescriptorProto::LABEL_REPEATED) {
      line += "repeated ";
    }
    if (field.proto3_optional()) line += "optional ";
    line += TypeName(field);
    if (field.has_oneof_index() && !field.proto3_optional()) {
      line += " oneof " + message.oneof_decl(field.oneof_index()).name();
    }
    lines_.push_back(line + " json " + field.json_name());
  }

  void Enum(const std::string& scope, const EnumDescriptorProto& type) {
    const std::string name = scope + "." + type.name();
    lines_.push_back("enum " + name);
    for (const auto& value : type.value()) {
      lines_.push_back("value " + name + "." + value.name() + " = " +
                       std::to_string(value.number()));
    }
  }

  void Service(const ServiceDescriptorProto& service) {
    const std::string name = std::string(kPackage) + "." + service.name();
    lines_.push_back("service " + name);
    for (const auto& method : service.method()) {
      lines_.push_back("method " + name + "." + method.name() + " " +
                       (method.client_streaming() ? "stream " : "") +
                       method.input_type().substr(1) + " -> " +
                       (method.server_streaming() ? "stream " : "") +
                       method.output_type().substr(1));
    }
  }

  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> ApiLines(
    const google::protobuf::FileDescriptorSet& files) {
  LineWriter writer;
  for (const FileDescriptorProto& file : files.file()) {
    if (file.package() == kPackage) writer.File(file);
  }
  return writer.Take();
}

std::vector<std::string> MissingLines(const std::vector<std::string>& released,
                                      const std::vector<std::string>& built) {
  std::vector<std::string> missing;
  std::copy_if(released.begin(), released.end(), std::back_inserter(missing),
               [&](const std::string& line) {
                 return std::find(built.begin(), built.end(), line) ==
                        built.end();
               });
  return missing;
}

}  // namespace vade::house
