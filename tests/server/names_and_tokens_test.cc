// Resource names, page tokens, and errors on the wire.
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include "absl/strings/escaping.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/log.h"
#include "server/page_token.h"
#include "server/resource_names.h"
#include "server/sampling/error.h"
#include "server/status_mapping.h"
#include "storage/keys.h"
#include "tests/catch.h"
#include "tests/server/refusal.h"
#include "vade/sampler/v1/errors.pb.h"

namespace vade::server {
namespace {

TEST_CASE("names are taken apart as they are put together", "[unit]") {
  CHECK(*ParseRunName("name", RunName("gsm8k")) == "gsm8k");
  const auto batch = ParseBatchName("name", BatchNameOf("r", "1-2"));
  REQUIRE(batch.ok());
  CHECK(batch->run_id == "r");
  CHECK(batch->batch_id == "1-2");
  const auto prompt = ParsePromptName("name", "runs/r/prompts/a/prompts/b");
  REQUIRE(prompt.ok());
  CHECK(prompt->run_id == "r");
  CHECK(prompt->prompt_id == "a/prompts/b");
}

TEST_CASE("names of another form are refused", "[unit]") {
  for (const char* bad : {"", "r", "runs/", "runs/R", "runs/r/", "run/r",
                          "runs/r/prompts/p", "/runs/r"}) {
    INFO(bad);
    CHECK(RefusedField(ParseRunName("name", bad).status()) == "name");
  }
  for (const char* bad :
       {"", "runs/r", "runs/r/prompts", "runs/r/prompts/", "runs//prompts/p",
        "runs/r/batches/p", "r/prompts/p", "runs/r/prompts/a\nb"}) {
    INFO(bad);
    CHECK(RefusedField(ParsePromptName("name", bad).status()) == "name");
  }
  for (const char* bad : {"runs/r/batches/", "runs/r/batches/1/2",
                          "runs/r/prompts/1", "runs/r/batches"}) {
    INFO(bad);
    CHECK(RefusedField(ParseBatchName("name", bad).status()) == "name");
  }
}

TEST_CASE("a page token brings its place back to its own list", "[unit]") {
  sampling::ListPromptsQuery query;
  query.filter = {{"source", {"a", "b"}}};
  query.order = sampling::PromptOrder::kEvidence;
  const std::string list = PromptListName(3, query);
  const std::string token = MakePromptToken(list, {0.1, 77});
  const auto place = OpenPromptToken(list, token);
  REQUIRE(place.ok());
  CHECK(place->key == 0.1);
  CHECK(place->index == 77);
  CHECK(*OpenBatchToken("l", MakeBatchToken("l", 12)) == 12);
}

TEST_CASE("a page token of another list is refused", "[unit]") {
  sampling::ListPromptsQuery query;
  query.filter = {{"source", {"a"}}};
  const std::string token =
      MakePromptToken(PromptListName(3, query), {0.1, 77});
  auto refused = [&token](uint32_t run, const sampling::ListPromptsQuery& q) {
    return sampling::ErrorReason(
        OpenPromptToken(PromptListName(run, q), token).status());
  };
  CHECK(refused(3, query) == "");
  CHECK(refused(4, query) == "INVALID_PAGE_TOKEN");
  sampling::ListPromptsQuery other = query;
  other.descending = true;
  CHECK(refused(3, other) == "INVALID_PAGE_TOKEN");
  other = query;
  other.view = sampling::PromptView::kDisabled;
  CHECK(refused(3, other) == "INVALID_PAGE_TOKEN");
  other = query;
  other.order = sampling::PromptOrder::kDealCount;
  CHECK(refused(3, other) == "INVALID_PAGE_TOKEN");
  other = query;
  other.filter[0].values = {"b"};
  CHECK(refused(3, other) == "INVALID_PAGE_TOKEN");
  other = query;
  other.page_size = 7;
  CHECK(refused(3, other) == "");
}

TEST_CASE("a damaged page token is refused at every character", "[unit]") {
  const std::string token = MakeBatchToken("list", 1234567);
  for (size_t i = 0; i < token.size(); ++i) {
    std::string damaged = token;
    damaged[i] = damaged[i] == 'A' ? 'Q' : 'A';
    // Spare bits of the last character carry nothing.
    if (i + 1 == token.size()) continue;
    CHECK_FALSE(OpenBatchToken("list", damaged).ok());
    CHECK_FALSE(OpenBatchToken("list", token.substr(0, i)).ok());
  }
  CHECK_FALSE(OpenBatchToken("list", std::string(100'000, 'A')).ok());
  CHECK_FALSE(OpenBatchToken("list", "\xff\xff").ok());
}

google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  REQUIRE(details.ParseFromString(status.error_details()));
  REQUIRE(details.details_size() == 1);
  REQUIRE(details.details(0).UnpackTo(&info));
  return info;
}

TEST_CASE("an error keeps code, text, reason and metadata", "[unit]") {
  const grpc::Status status = ToGrpc(sampling::RunNotFound("r"));
  CHECK(status.error_code() == grpc::NOT_FOUND);
  CHECK(status.error_message() == "run 'r' does not exist");
  const google::rpc::ErrorInfo info = InfoOf(status);
  CHECK(info.reason() == "RUN_NOT_FOUND");
  CHECK(info.domain() == "vade.sampler.v1");
  CHECK(info.metadata().at("run") == "r");
  CHECK(ToGrpc(absl::OkStatus()).ok());
}

TEST_CASE("the store's errors get their reason from their code", "[unit]") {
  CHECK(InfoOf(ToGrpc(absl::DataLossError("x"))).reason() == "CORRUPT_RECORD");
  CHECK(InfoOf(ToGrpc(absl::UnavailableError("x"))).reason() ==
        "STORAGE_FAILED");
  CHECK(InfoOf(ToGrpc(absl::FailedPreconditionError("x"))).reason() ==
        "NEWER_FORMAT");
  CHECK(ToGrpc(absl::CancelledError("x")).error_details().empty());
}

TEST_CASE("an error about a record names its table and key in hex", "[unit]") {
  const std::string key = storage::LeaseKey(1, 2);
  const google::rpc::ErrorInfo info =
      InfoOf(ToGrpc(storage::AboutKey(absl::DataLossError("x"), key)));
  CHECK(info.reason() == "CORRUPT_RECORD");
  CHECK(info.metadata().at("table") == "lease");
  CHECK(info.metadata().at("key") == absl::BytesToHexString(key));
}

TEST_CASE("text after an error leaves its reason and metadata", "[unit]") {
  const absl::Status status = Appended(sampling::RunNotFound("r"), "; more");
  CHECK(status.message() == "run 'r' does not exist; more");
  CHECK(sampling::ErrorReason(status) == "RUN_NOT_FOUND");
  CHECK(sampling::ErrorMetadata(status).size() == 1);
}

TEST_CASE("every reason in the server's code is one of the API", "[unit]") {
  const std::regex made("MakeError\\([^;]{0,80}?\"([A-Z]+(?:_[A-Z]+)+)\"");
  const google::protobuf::EnumDescriptor* const reasons =
      sampler::v1::ErrorReason_descriptor();
  int found = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           VADE_SOURCE_DIR "/server")) {
    if (entry.path().extension() != ".cc") continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    const std::string code = text.str();
    for (std::sregex_iterator it(code.begin(), code.end(), made), end;
         it != end; ++it) {
      const std::string reason = (*it)[1];
      INFO(entry.path().string() << " " << reason);
      CHECK(reasons->FindValueByName(reason) != nullptr);
      ++found;
    }
  }
  CHECK(found > 20);
}

TEST_CASE("a log line is one line, as text and as JSON", "[unit]") {
  const LogFields fields = {{"data", "a b"}, {"n", "3"}, {"bad", "x\n\"\xff"}};
  CHECK(FormatLog(LogFormat::kText, "started", fields) ==
        "started data=\"a b\" n=3 bad=\"x\\n\\\"\xff\"");
  CHECK(FormatLog(LogFormat::kJson, "started", fields) ==
        "\"message\":\"started\",\"data\":\"a b\",\"n\":\"3\","
        "\"bad\":\"x\\n\\\"\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace vade::server
