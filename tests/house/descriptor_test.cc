// Released names and numbers never change and never go.
#include <fstream>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/house/api_lines.h"

namespace vade::house {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorSet;

using Lines = std::vector<std::string>;

FileDescriptorSet BuiltApi() {
  std::ifstream in(VADE_DESCRIPTOR, std::ios::binary);
  FileDescriptorSet files;
  REQUIRE(files.ParseFromIstream(&in));
  return files;
}

Lines ReleasedLines() {
  std::ifstream in(VADE_RELEASED_API);
  Lines lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The message of that name, in any file.
DescriptorProto& MessageNamed(FileDescriptorSet& files,
                              const std::string& name) {
  for (auto& file : *files.mutable_file()) {
    for (auto& message : *file.mutable_message_type()) {
      if (message.name() == name) return message;
    }
  }
  FAIL("no message " << name);
  return *files.mutable_file(0)->mutable_message_type(0);
}

FieldDescriptorProto& FieldNamed(FileDescriptorSet& files,
                                 const std::string& message,
                                 const std::string& name) {
  for (auto& field : *MessageNamed(files, message).mutable_field()) {
    if (field.name() == name) return field;
  }
  FAIL("no field " << name);
  return *MessageNamed(files, message).mutable_field(0);
}

// What the released API would miss if `change` were made to it.
template <typename Change>
Lines MissingAfter(Change change) {
  const FileDescriptorSet before = BuiltApi();
  FileDescriptorSet after = before;
  change(after);
  return MissingLines(ApiLines(before), ApiLines(after));
}

TEST_CASE("Nothing of the released API has changed or gone", "[unit]") {
  const Lines released = ReleasedLines();
  REQUIRE(released.size() > 100);
  const Lines missing = MissingLines(released, ApiLines(BuiltApi()));
  std::string report;
  for (const std::string& line : missing) report += line + "\n";
  INFO("released, and not so any more:\n" << report);
  CHECK(missing.empty());
}

TEST_CASE("A field that changes its number, name or type is found", "[unit]") {
  const Lines clock = {
      "field vade.sampler.v1.Run.clock = 44 double json clock"};
  CHECK(MissingAfter([](FileDescriptorSet& files) {
          FieldNamed(files, "Run", "clock").set_number(99);
        }) == clock);
  CHECK(MissingAfter([](FileDescriptorSet& files) {
          FieldNamed(files, "Run", "clock").set_name("time");
        }) == clock);
  CHECK(MissingAfter([](FileDescriptorSet& files) {
          FieldNamed(files, "Run", "clock")
              .set_type(FieldDescriptorProto::TYPE_FLOAT);
        }) == clock);
  CHECK(MissingAfter([](FileDescriptorSet& files) {
          FieldNamed(files, "Run", "clock")
              .set_label(FieldDescriptorProto::LABEL_REPEATED);
        }) == clock);
  CHECK(MissingAfter([](FileDescriptorSet& files) {
          FieldNamed(files, "Run", "clock").set_json_name("ticks");
        }) == clock);
}

TEST_CASE("A message, field, value or call that goes is found", "[unit]") {
  CHECK(MissingAfter([](FileDescriptorSet& files) {
          MessageNamed(files, "Run").mutable_field()->RemoveLast();
        }).size() == 1);
  CHECK(MissingAfter([](FileDescriptorSet& files) {
          MessageNamed(files, "GetRunRequest").set_name("FetchRunRequest");
        }).size() == 2);
  CHECK_FALSE(MissingAfter([](FileDescriptorSet& files) {
                for (auto& file : *files.mutable_file()) {
                  for (auto& type : *file.mutable_enum_type()) {
                    type.mutable_value(0)->set_number(77);
                  }
                }
              }).empty());
  CHECK_FALSE(MissingAfter([](FileDescriptorSet& files) {
                for (auto& file : *files.mutable_file()) {
                  for (auto& service : *file.mutable_service()) {
                    service.mutable_method()->RemoveLast();
                  }
                }
              }).empty());
}

TEST_CASE("A call that changes its messages or becomes a stream is found",
          "[unit]") {
  CHECK(MissingAfter([](FileDescriptorSet& files) {
          for (auto& file : *files.mutable_file()) {
            for (auto& service : *file.mutable_service()) {
              service.mutable_method(0)->set_server_streaming(true);
            }
          }
        }).size() == 1);
  CHECK(MissingAfter([](FileDescriptorSet& files) {
          for (auto& file : *files.mutable_file()) {
            for (auto& service : *file.mutable_service()) {
              service.mutable_method(0)->set_input_type(".vade.Other");
            }
          }
        }).size() == 1);
}

TEST_CASE("What is new is welcome", "[unit]") {
  CHECK(MissingAfter([](FileDescriptorSet& files) {
          FieldDescriptorProto* field = MessageNamed(files, "Run").add_field();
          field->set_name("brand_new");
          field->set_number(500);
          field->set_type(FieldDescriptorProto::TYPE_STRING);
          files.mutable_file(files.file_size() - 1)
              ->add_message_type()
              ->set_name("BrandNew");
        }).empty());
}

}  // namespace
}  // namespace vade::house
