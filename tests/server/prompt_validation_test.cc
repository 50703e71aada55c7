// Each refusal of a request about prompts and batches, and what good ones
// become.
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "server/sampling/limits.h"
#include "server/validation.h"
#include "tests/catch.h"
#include "tests/server/refusal.h"

namespace vade::server {
namespace {

namespace api = sampler::v1;
using google::protobuf::util::TimeUtil;

std::string RefusedImport(const api::Prompt& prompt) {
  api::ImportPromptsRequest request;
  *request.add_prompts() = prompt;
  return RefusedField(ParseImportMessage(request).status());
}

api::Prompt PromptOf(const std::string& id) {
  api::Prompt prompt;
  prompt.set_id(id);
  return prompt;
}

TEST_CASE("a prompt id is 1 to 256 bytes of UTF-8 without control characters",
          "[unit]") {
  for (const std::string& good :
       {std::string("a"), std::string("a/b c"), std::string(256, 'x'),
        std::string("\xe2\x82\xac"), std::string("\xf0\x9f\x8e\xb2")}) {
    CHECK(RefusedImport(PromptOf(good)) == "");
  }
  for (const std::string& bad :
       {std::string(), std::string(257, 'x'), std::string("a\nb"),
        std::string("a\0b", 3), std::string("\x7f"), std::string("\xc2\x85"),
        std::string("\xff"), std::string("\xc0\x80"), std::string("\xe2\x82"),
        std::string("\xed\xa0\x80"), std::string("\xf4\x90\x80\x80")}) {
    INFO(bad);
    CHECK(RefusedImport(PromptOf(bad)) == "prompts[0].id");
  }
}

TEST_CASE("an imported prompt is taken with all its parts", "[unit]") {
  api::ImportPromptsRequest request;
  request.set_run("runs/r");
  request.set_existing_prompts(api::EXISTING_PROMPTS_SKIP);
  api::Prompt& prompt = *request.add_prompts();
  prompt = PromptOf("p");
  prompt.set_payload("row");
  prompt.set_disabled(true);
  (*prompt.mutable_labels())["b"] = "2";
  (*prompt.mutable_labels())["a"] = "1";
  prompt.mutable_starting_evidence()->set_pass_rate(0.5);
  prompt.mutable_starting_evidence()->set_weight(4);
  const auto message = ParseImportMessage(request);
  REQUIRE(message.ok());
  CHECK(message->run_id == "r");
  CHECK(message->existing == sampling::ExistingPrompts::kSkip);
  REQUIRE(message->prompts.size() == 1);
  const sampling::PromptSpec& spec = message->prompts[0];
  CHECK(spec.id == "p");
  CHECK(spec.payload == "row");
  CHECK_FALSE(spec.enabled);
  CHECK(spec.labels == sampling::Labels{{"a", "1"}, {"b", "2"}});
  CHECK(spec.evidence == sampling::Evidence{2, 2});
}

TEST_CASE("prompts out of range are refused by field", "[unit]") {
  api::Prompt prompt = PromptOf("p");
  prompt.set_payload(std::string((size_t{1} << 20) + 1, 'x'));
  CHECK(RefusedImport(prompt) == "prompts[0].payload");

  for (const std::string& key : {std::string(), std::string(64, 'k'),
                                 std::string("Upper"), std::string("a b")}) {
    prompt = PromptOf("p");
    (*prompt.mutable_labels())[key] = "v";
    CHECK(RefusedImport(prompt) == "prompts[0].labels");
  }
  prompt = PromptOf("p");
  (*prompt.mutable_labels())["k"] = std::string(256, 'v');
  CHECK(RefusedImport(prompt) == "prompts[0].labels");
  prompt = PromptOf("p");
  for (int i = 0; i < 17; ++i) {
    (*prompt.mutable_labels())[absl::StrCat("k", i)] = "v";
  }
  CHECK(RefusedImport(prompt) == "prompts[0].labels");
  prompt = PromptOf("p");
  prompt.mutable_starting_evidence()->set_pass_rate(
      std::numeric_limits<double>::quiet_NaN());
  CHECK(RefusedImport(prompt) == "prompts[0].starting_evidence.pass_rate");
}

TEST_CASE("an import message has a limit and each prompt once", "[unit]") {
  api::ImportPromptsRequest request;
  *request.add_prompts() = PromptOf("p");
  *request.add_prompts() = PromptOf("p");
  CHECK(RefusedField(ParseImportMessage(request).status()) == "prompts[1].id");
  request.clear_prompts();
  for (size_t i = 0; i <= sampling::kMaxImportPrompts; ++i) {
    *request.add_prompts() = PromptOf(absl::StrCat("p", i));
  }
  CHECK(RefusedField(ParseImportMessage(request).status()) == "prompts");
  request.clear_prompts();
  request.set_existing_prompts(static_cast<api::ExistingPrompts>(9));
  CHECK(RefusedField(ParseImportMessage(request).status()) ==
        "existing_prompts");
}

TEST_CASE("orders and views of a list are parsed or refused", "[unit]") {
  api::ListPromptsRequest request;
  request.set_run("runs/r");
  request.set_order_by("posterior_mean desc");
  request.set_view(api::PROMPT_VIEW_NEVER_SOLVED);
  const auto call = ParseListPrompts(request);
  REQUIRE(call.ok());
  CHECK(call->query.order == sampling::PromptOrder::kPosteriorMean);
  CHECK(call->query.descending);
  CHECK(call->query.view == sampling::PromptView::kNeverSolved);
  for (const char* bad :
       {"id", "desc", " desc", "evidence asc", "evidence  "}) {
    request.set_order_by(bad);
    CHECK(RefusedField(ParseListPrompts(request).status()) == "order_by");
  }
  request.set_order_by("");
  request.set_view(static_cast<api::PromptView>(17));
  CHECK(RefusedField(ParseListPrompts(request).status()) == "view");
}

TEST_CASE("filters have limits on terms, keys and values", "[unit]") {
  api::ExportPromptsRequest request;
  request.set_run("runs/r");
  auto refused = [&request] {
    return RefusedField(ParseExportPrompts(request).status());
  };
  auto* term = request.mutable_filter()->add_terms();
  term->set_key("k");
  CHECK(refused() == "filter.terms[0].values");
  term->add_values("v");
  CHECK(refused() == "");
  term->set_key("K");
  CHECK(refused() == "filter.terms[0].key");
  term->set_key("k");
  for (int i = 0; i < 64; ++i) term->add_values("v");
  CHECK(refused() == "filter.terms[0].values");
  term->clear_values();
  term->add_values("v");
  for (int i = 0; i < 16; ++i) *request.mutable_filter()->add_terms() = *term;
  CHECK(refused() == "filter.terms");
}

TEST_CASE("an update of a prompt takes what its mask names", "[unit]") {
  api::UpdatePromptRequest request;
  request.set_run("runs/r");
  request.mutable_prompt()->set_id("p");
  CHECK(RefusedField(ParseUpdatePrompt(request).status()) == "update_mask");
  request.mutable_prompt()->set_disabled(true);
  request.mutable_prompt()->mutable_evidence()->set_alpha(3);
  request.mutable_update_mask()->add_paths("disabled");
  request.mutable_update_mask()->add_paths("evidence");
  const auto call = ParseUpdatePrompt(request);
  REQUIRE(call.ok());
  CHECK(call->change.enabled == false);
  CHECK(call->change.evidence == sampling::Evidence{3, 0});
  CHECK_FALSE(call->change.labels.has_value());
  CHECK_FALSE(call->change.payload.has_value());
  request.mutable_prompt()->mutable_evidence()->set_beta(-1);
  CHECK(RefusedField(ParseUpdatePrompt(request).status()) ==
        "prompt.evidence.beta");
  request.mutable_update_mask()->add_paths("id");
  request.mutable_prompt()->clear_evidence();
  CHECK(RefusedField(ParseUpdatePrompt(request).status()) == "update_mask");
}

TEST_CASE("the numbers of prompts asked for are bounded", "[unit]") {
  api::BatchGetPromptsRequest request;
  request.set_run("runs/r");
  CHECK(RefusedField(ParseBatchGetPrompts(request).status()) == "prompt_ids");
  for (int i = 0; i < 1001; ++i) request.add_prompt_ids("p");
  CHECK(RefusedField(ParseBatchGetPrompts(request).status()) == "prompt_ids");
  request.mutable_prompt_ids()->RemoveLast();
  CHECK(ParseBatchGetPrompts(request).ok());
  request.set_prompt_ids(7, "");
  CHECK(RefusedField(ParseBatchGetPrompts(request).status()) ==
        "prompt_ids[7]");
}

TEST_CASE("a sample request is refused by the field that is wrong", "[unit]") {
  struct Bad {
    const char* field;
    void (*set)(api::SampleBatchRequest& request);
  };
  const Bad bads[] = {
      {"run", [](auto& r) { r.set_run("runs/R"); }},
      {"batch_size", [](auto& r) { r.set_batch_size(0); }},
      {"batch_size", [](auto& r) { r.set_batch_size(65537); }},
      {"min_batch_size", [](auto& r) { r.set_min_batch_size(5); }},
      {"request_id", [](auto& r) { r.set_request_id(std::string(129, 'x')); }},
      {"request_id", [](auto& r) { r.mutable_shard()->set_count(1); }},
      {"shard.count",
       [](auto& r) {
         r.set_request_id("s");
         r.mutable_shard();
       }},
      {"shard.index",
       [](auto& r) {
         r.set_request_id("s");
         r.mutable_shard()->set_count(2);
         r.mutable_shard()->set_index(2);
       }},
      {"max_wait",
       [](auto& r) {
         *r.mutable_max_wait() = TimeUtil::SecondsToDuration(-1);
       }},
      {"max_wait",
       [](auto& r) {
         *r.mutable_max_wait() = TimeUtil::SecondsToDuration(3601);
       }},
      {"lease_ttl", [](auto& r) { r.mutable_lease_ttl(); }},
      {"filter.terms[0].key", [](auto& r) { r.mutable_filter()->add_terms(); }},
  };
  for (const Bad& bad : bads) {
    api::SampleBatchRequest request;
    request.set_run("runs/r");
    request.set_batch_size(4);
    bad.set(request);
    INFO(request.ShortDebugString());
    CHECK(RefusedField(ParseSampleBatch(request).status()) == bad.field);
  }
}

TEST_CASE("a sample request without a minimum wants all", "[unit]") {
  api::SampleBatchRequest request;
  request.set_run("runs/r");
  request.set_batch_size(4);
  CHECK(ParseSampleBatch(request)->request.min_batch_size == 4);
  request.set_min_batch_size(2);
  CHECK(ParseSampleBatch(request)->request.min_batch_size == 2);
  CHECK(ParseSampleBatch(request)->max_wait == absl::ZeroDuration());
  CHECK(ParseSampleBatch(request)->request.shard.count == 1);
}

TEST_CASE("requests about batches name one of a run", "[unit]") {
  api::RenewBatchRequest renew;
  renew.set_name("runs/r/batches/1-2");
  CHECK(ParseRenewBatch(renew)->name.batch_id == "1-2");
  CHECK_FALSE(ParseRenewBatch(renew)->lease_ttl.has_value());
  renew.mutable_lease_ttl()->set_seconds(0);
  CHECK(RefusedField(ParseRenewBatch(renew).status()) == "lease_ttl");
  api::ReleaseBatchRequest release;
  release.set_name("runs/r/batches/1-2");
  release.add_prompt_ids("");
  CHECK(RefusedField(ParseReleaseBatch(release).status()) == "prompt_ids[0]");
  api::ListBatchesRequest list;
  list.set_run("runs/r");
  list.set_state(static_cast<api::Batch::State>(12));
  CHECK(RefusedField(ParseListBatches(list).status()) == "state");
}

}  // namespace
}  // namespace vade::server
