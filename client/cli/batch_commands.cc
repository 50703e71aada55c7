// sample, get, renew and release batch, list batches.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "client/cli/command.h"
#include "client/cli/flags.h"
#include "client/cli/format.h"
#include "client/cli/table.h"

namespace vade::cli {
namespace {

constexpr int kPageSize = 1000;

void AddBatchArgument(CLI::App& app, std::string& batch) {
  app.add_option("BATCH", batch, "Id of the batch, as sample batch gave it")
      ->required();
}

// "index/count" of a shard.
std::string CheckShard(const std::string& text) {
  unsigned index = 0;
  unsigned count = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%u/%u%c", &index, &count, &rest) == 2 &&
      index < count) {
    return "";
  }
  return absl::StrCat("'", text, "' is no shard such as 0/8 or 7/8");
}

void PrintBatch(const api::Batch& batch, Session& session) {
  session.out() << RenderProperties(
      {{"name", batch.name()},
       {"state", FormatEnum(api::Batch::State_Name(batch.state()))},
       {"prompts",
        absl::StrCat(batch.batch_size(), " (", batch.in_flight_count(),
                     " in flight, ", batch.completed_count(), " completed)")},
       {"group size", absl::StrCat(batch.group_size())},
       {"clock", FormatNumber(batch.clock())},
       {"expected EGR", FormatShare(batch.expected_egr())},
       {"request id", batch.request_id().empty() ? "-" : batch.request_id()},
       {"created", FormatTime(batch.create_time())},
       {"lease expires", FormatTime(batch.lease_expire_time())},
       {"ended", FormatTime(batch.end_time())}},
      session.columns());
}

void PrintGroups(const api::Batch& batch, Session& session) {
  Table table;
  table.Column("PROMPT").Flexible();
  table.Column("DRAW", Align::kRight).Column("SCORE", Align::kRight);
  table.Column("STATE").Column("REWARDS", Align::kRight);
  table.Column("PASS RATE", Align::kRight).Column("FAILED", Align::kRight);
  for (const api::Group& group : batch.groups()) {
    const uint32_t rewards = group.reward_count();
    table.AddRow(
        {group.prompt().prompt_id(), FormatRate(group.prompt().draw()),
         absl::StrFormat("%.4f", group.prompt().score()),
         FormatEnum(api::Group::State_Name(group.state())),
         absl::StrCat(rewards, "/", batch.group_size()),
         rewards == 0 ? "-" : FormatRate(group.success_sum() / rewards),
         absl::StrCat(group.failed_count())});
  }
  if (!table.empty()) {
    session.out() << "\n" << table.Render(session.columns());
  }
}

absl::Status ShowBatch(const absl::StatusOr<api::Batch>& batch,
                       Session& session) {
  if (!batch.ok()) return batch.status();
  if (session.json()) return session.PrintJson(*batch);
  PrintBatch(*batch, session);
  PrintGroups(*batch, session);
  return absl::OkStatus();
}

class SampleBatchCommand : public Command {
 public:
  CommandText Text() const override {
    return {"sample", "batch", "Sample the next batch of prompts and lease it",
            "vadectl sample batch gsm8k --size 128 --request-id step-1",
            "The same --request-id gives the same batch again. Prompts are "
            "best first."};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    app.add_option("--size", size_, "Prompts wanted, 1 to 65536 (default 1)")
        ->type_name("N");
    app.add_option("--min-size", min_size_, "Fewest to take (default: --size)")
        ->type_name("N");
    auto* id =
        app.add_option("--request-id", request_id_, "Name of this request")
            ->type_name("ID");
    app.add_option("--shard", shard_, "Only this part of the batch, as 0/8")
        ->type_name("INDEX/COUNT")
        ->check(CLI::Validator(CheckShard, ""))
        ->needs(id);
    AddLabelFilter(app, labels_);
    AddDuration(app, "--wait", max_wait_,
                "Wait this long for prompts to become free (default: not)");
    AddDuration(app, "--lease-ttl", lease_ttl_,
                "How long it is in flight (default: the run's)");
    app.add_flag("--payload", payload_, "With payloads (in JSON: base64)");
  }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    auto response = (*client)->SampleBatch(MakeRequest());
    if (!response.ok()) return response.status();
    if (session.json()) return session.PrintJson(*response);
    Print(*response, session);
    return absl::OkStatus();
  }

 private:
  api::SampleBatchRequest MakeRequest() const {
    api::SampleBatchRequest request;
    request.set_run(client::RunName(run_));
    request.set_batch_size(size_);
    request.set_min_batch_size(min_size_);
    request.set_request_id(request_id_);
    if (!shard_.empty()) {
      unsigned index = 0;
      unsigned count = 0;
      std::sscanf(shard_.c_str(), "%u/%u", &index, &count);
      request.mutable_shard()->set_index(index);
      request.mutable_shard()->set_count(count);
    }
    *request.mutable_filter() = ToLabelFilter(labels_);
    if (!max_wait_.empty()) {
      *request.mutable_max_wait() = ToProto(ParseChecked(max_wait_));
    }
    if (!lease_ttl_.empty()) {
      *request.mutable_lease_ttl() = ToProto(ParseChecked(lease_ttl_));
    }
    request.set_include_payloads(payload_);
    return request;
  }

  void Print(const api::SampleBatchResponse& response, Session& session) const {
    session.out() << RenderProperties(
        {{"batch", response.batch_id()},
         {"prompts",
          response.prompts_size() == static_cast<int>(response.batch_size())
              ? absl::StrCat(response.batch_size())
              : absl::StrCat(response.prompts_size(), " of ",
                             response.batch_size())},
         {"rollouts each", absl::StrCat(response.group_size())},
         {"clock", FormatNumber(response.clock())},
         {"expected EGR", FormatShare(response.expected_egr())},
         {"lease expires", FormatTime(response.lease_expire_time())},
         {"repeated request", FormatBool(response.repeated_request())}},
        session.columns());
    Table table;
    table.Column("PROMPT").Flexible();
    table.Column("DRAW", Align::kRight).Column("SCORE", Align::kRight);
    table.Column("PASS RATE", Align::kRight).Column("EXP. EGR", Align::kRight);
    for (const api::SampledPrompt& prompt : response.prompts()) {
      table.AddRow({prompt.prompt_id(), FormatRate(prompt.draw()),
                    absl::StrFormat("%.4f", prompt.score()),
                    FormatRate(prompt.posterior_mean()),
                    FormatShare(prompt.expected_egr())});
    }
    session.out() << "\n" << table.Render(session.columns());
    if (!payload_) return;
    for (const api::SampledPrompt& prompt : response.prompts()) {
      session.out() << "\n"
                    << prompt.prompt_id() << "\n"
                    << prompt.payload() << "\n";
    }
  }

  std::string run_;
  uint32_t size_ = 1;
  uint32_t min_size_ = 0;
  std::string request_id_;
  std::string shard_;
  std::vector<std::string> labels_;
  std::string max_wait_;
  std::string lease_ttl_;
  bool payload_ = false;
};

class GetBatchCommand : public Command {
 public:
  CommandText Text() const override {
    return {"get", "batch", "Show a batch and what its groups earned",
            "vadectl get batch gsm8k 1-1", ""};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    AddBatchArgument(app, batch_);
  }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::GetBatchRequest request;
    request.set_name(client::BatchName(run_, batch_));
    return ShowBatch((*client)->GetBatch(request), session);
  }

 private:
  std::string run_;
  std::string batch_;
};

class ListBatchesCommand : public Command {
 public:
  CommandText Text() const override {
    return {"list", "batches", "List the remembered batches, newest first",
            "vadectl list batches gsm8k --state in_flight", ""};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    AddChoice(app, "--state", state_,
              {"all", "in_flight", "completed", "released", "expired"},
              "Only these (default all)");
    app.add_option("--limit", limit_, "Batches at most, 0: all (default 100)")
        ->type_name("N");
  }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::ListBatchesRequest request;
    request.set_run(client::RunName(run_));
    api::Batch::State state = api::Batch::STATE_UNSPECIFIED;
    if (state_ != "all") {
      api::Batch::State_Parse(absl::AsciiStrToUpper(state_), &state);
    }
    request.set_state(state);
    api::ListBatchesResponse all;
    do {
      const uint64_t left = limit_ - all.batches_size();
      request.set_page_size(static_cast<int32_t>(
          limit_ == 0 ? kPageSize : std::min<uint64_t>(left, kPageSize)));
      auto page = (*client)->ListBatches(request);
      if (!page.ok()) return page.status();
      all.mutable_batches()->MergeFrom(page->batches());
      all.set_next_page_token(page->next_page_token());
      request.set_page_token(page->next_page_token());
    } while (
        !request.page_token().empty() &&
        (limit_ == 0 || static_cast<uint64_t>(all.batches_size()) < limit_));
    if (session.json()) return session.PrintJson(all);
    Print(all, session);
    return absl::OkStatus();
  }

 private:
  static void Print(const api::ListBatchesResponse& all, Session& session) {
    Table table;
    table.Column("BATCH").Column("STATE");
    table.Column("PROMPTS", Align::kRight).Column("IN FLIGHT", Align::kRight);
    table.Column("CLOCK", Align::kRight).Column("CREATED (UTC)");
    table.Column("REQUEST ID").Flexible();
    for (const api::Batch& batch : all.batches()) {
      table.AddRow({client::LastPart(batch.name()),
                    FormatEnum(api::Batch::State_Name(batch.state())),
                    absl::StrCat(batch.batch_size()),
                    absl::StrCat(batch.in_flight_count()),
                    FormatNumber(batch.clock()),
                    std::string(absl::StripSuffix(
                        FormatTime(batch.create_time()), " UTC")),
                    batch.request_id()});
    }
    session.out() << table.Render(session.columns());
    if (!all.next_page_token().empty()) {
      session.out() << "There are more; see --limit\n";
    }
  }

  std::string run_;
  std::string state_ = "all";
  uint64_t limit_ = 100;
};

class RenewBatchCommand : public Command {
 public:
  CommandText Text() const override {
    return {"renew", "batch", "Extend the lease of a batch",
            "vadectl renew batch gsm8k 1-1 --lease-ttl 1h", ""};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    AddBatchArgument(app, batch_);
    AddDuration(app, "--lease-ttl", lease_ttl_,
                "From now (default: what it was sampled with)");
  }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::RenewBatchRequest request;
    request.set_name(client::BatchName(run_, batch_));
    if (!lease_ttl_.empty()) {
      *request.mutable_lease_ttl() = ToProto(ParseChecked(lease_ttl_));
    }
    return ShowBatch((*client)->RenewBatch(request), session);
  }

 private:
  std::string run_;
  std::string batch_;
  std::string lease_ttl_;
};

class ReleaseBatchCommand : public Command {
 public:
  CommandText Text() const override {
    return {"release", "batch", "Give prompts back without rollouts",
            "vadectl release batch gsm8k 1-1",
            "Without prompts: all of the batch that are in flight."};
  }
  void AddFlags(CLI::App& app) override {
    AddRunArgument(app, run_);
    AddBatchArgument(app, batch_);
    app.add_option("PROMPTS", prompts_, "Only these");
  }
  absl::Status Run(Session& session) override {
    auto client = session.client();
    if (!client.ok()) return client.status();
    api::ReleaseBatchRequest request;
    request.set_name(client::BatchName(run_, batch_));
    for (const std::string& id : prompts_) request.add_prompt_ids(id);
    return ShowBatch((*client)->ReleaseBatch(request), session);
  }

 private:
  std::string run_;
  std::string batch_;
  std::vector<std::string> prompts_;
};

}  // namespace

void AddBatchCommands(CommandList& list) {
  list.push_back(std::make_unique<SampleBatchCommand>());
  list.push_back(std::make_unique<GetBatchCommand>());
  list.push_back(std::make_unique<ListBatchesCommand>());
  list.push_back(std::make_unique<RenewBatchCommand>());
  list.push_back(std::make_unique<ReleaseBatchCommand>());
}

}  // namespace vade::cli
