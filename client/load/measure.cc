#include "client/load/measure.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/cpp/clock.h"
#include "client/load/connection.h"
#include "client/load/keyed_random.h"
#include "client/load/report_log.h"
#include "client/load/worker.h"

namespace vade::load {
namespace {

namespace api = client::api;

constexpr uint64_t kOrderStream = 5;

// Latencies by all workers, and the first error. Thread-safe.
class Samples {
 public:
  void Add(absl::Duration latency) {
    const std::lock_guard<std::mutex> lock(mu_);
    milliseconds_.push_back(absl::ToDoubleMilliseconds(latency));
  }
  void Fail(const absl::Status& status) {
    const std::lock_guard<std::mutex> lock(mu_);
    if (error_.ok()) error_ = status;
    failed_.store(true);
  }
  bool failed() const { return failed_.load(); }
  absl::Status error() {
    const std::lock_guard<std::mutex> lock(mu_);
    return error_;
  }
  std::vector<double> Sorted() {
    const std::lock_guard<std::mutex> lock(mu_);
    std::vector<double> sorted = milliseconds_;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

 private:
  // Guards what follows but failed_, which the workers poll.
  std::mutex mu_;
  std::vector<double> milliseconds_;
  absl::Status error_;
  std::atomic<bool> failed_ = false;
};

// Calls `work(client, worker)` on every worker's thread with a client of its
// own until it returns false or a worker failed. Returns the seconds taken.
absl::StatusOr<double> OnWorkers(
    const LoadOptions& options, Samples& samples,
    const std::function<absl::StatusOr<bool>(client::Client&)>& work) {
  std::vector<std::unique_ptr<client::Client>> clients;
  clients.reserve(options.worker_count);
  for (uint32_t i = 0; i < options.worker_count; ++i) {
    auto client = ConnectTo(options.address);
    if (!client.ok()) return client.status();
    clients.push_back(*std::move(client));
  }
  const absl::Time start = client::SystemClock().Now();
  std::vector<std::thread> threads;
  threads.reserve(clients.size());
  for (const auto& client : clients) {
    threads.emplace_back([&work, &samples, &client] {
      while (!samples.failed()) {
        const absl::StatusOr<bool> more = work(*client);
        if (!more.ok()) samples.Fail(more.status());
        if (!more.ok() || !*more) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const absl::Duration taken = client::SystemClock().Now() - start;
  if (samples.failed()) return samples.error();
  return absl::ToDoubleSeconds(taken);
}

// Times a call.
template <typename Call>
auto Timed(Samples& samples, const Call& call) {
  const absl::Time start = client::SystemClock().Now();
  auto result = call();
  samples.Add(client::SystemClock().Now() - start);
  return result;
}

absl::StatusOr<api::SampleBatchResponse> Sample(client::Client& client,
                                                const LoadOptions& options) {
  api::SampleBatchRequest request;
  request.set_run(client::RunName(options.run_id));
  request.set_batch_size(options.batch_size);
  return client.SampleBatch(request);
}

// A report of the whole batch: half of the rollouts succeed, every second one.
api::ReportRewardsRequest WholeReport(const std::string& run_id,
                                      const api::SampleBatchResponse& batch) {
  api::ReportRewardsRequest request;
  request.set_run(client::RunName(run_id));
  api::BatchReport& report = *request.add_reports();
  report.set_batch_id(batch.batch_id());
  const std::string bits((batch.group_size() + 7) / 8, '\0');
  for (const api::SampledPrompt& prompt : batch.prompts()) {
    api::GroupReport& group = *report.add_groups();
    group.set_prompt_id(prompt.prompt_id());
    api::BinaryRewards& rewards = *group.mutable_binary_rewards();
    rewards.set_count(batch.group_size());
    rewards.set_bits(bits);
    for (uint32_t i = 0; i < batch.group_size(); i += 2) {
      (*rewards.mutable_bits())[i / 8] |= static_cast<char>(1 << (i % 8));
    }
  }
  return request;
}

absl::StatusOr<std::vector<api::SampleBatchResponse>> SampleAll(
    const LoadOptions& options) {
  auto client = ConnectTo(options.address);
  if (!client.ok()) return client.status();
  std::vector<api::SampleBatchResponse> batches;
  for (uint64_t i = 0; i < options.batch_count; ++i) {
    auto batch = Sample(**client, options);
    if (!batch.ok()) return batch.status();
    batches.push_back(*std::move(batch));
  }
  return batches;
}

void AddLatencies(const std::string& name, const LoadOptions& options,
                  Samples& samples, std::vector<Figure>& figures) {
  const std::vector<double> sorted = samples.Sorted();
  const std::vector<std::pair<std::string, double>> context = {
      {"calls", static_cast<double>(sorted.size())},
      {"workers", options.worker_count},
      {"batch_size", options.batch_size}};
  for (const int percent : {50, 90, 99}) {
    figures.push_back({absl::StrCat(name, "_p", percent),
                       Percentile(sorted, percent / 100.0), "ms", context});
  }
  figures.push_back({name + "_max", Percentile(sorted, 1), "ms", context});
}

Figure Rate(const std::string& name, const std::string& unit, double count,
            double seconds, const LoadOptions& options) {
  return {name,
          count / std::max(seconds, 1e-9),
          unit,
          {{"count", count},
           {"seconds", seconds},
           {"workers", options.worker_count},
           {"batch_size", options.batch_size}}};
}

}  // namespace

std::string FigureJson(const Figure& figure) {
  nlohmann::ordered_json json = {
      {"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}};
  for (const auto& [key, value] : figure.context) json[key] = value;
  return json.dump();
}

double Percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  const size_t index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

absl::StatusOr<std::vector<Figure>> MeasureSampling(
    const LoadOptions& options) {
  Samples samples;
  std::atomic<uint64_t> next = 0;
  const auto seconds = OnWorkers(
      options, samples, [&](client::Client& client) -> absl::StatusOr<bool> {
        if (next.fetch_add(1) >= options.batch_count) return false;
        const auto batch =
            Timed(samples, [&] { return Sample(client, options); });
        if (!batch.ok()) return batch.status();
        api::ReleaseBatchRequest release;
        release.set_name(client::BatchName(options.run_id, batch->batch_id()));
        const auto released = client.ReleaseBatch(release);
        if (!released.ok()) return released.status();
        return true;
      });
  if (!seconds.ok()) return seconds.status();
  std::vector<Figure> figures;
  AddLatencies("sample_batch", options, samples, figures);
  return figures;
}

absl::StatusOr<std::vector<Figure>> MeasureBatchReports(
    const LoadOptions& options) {
  const auto batches = SampleAll(options);
  if (!batches.ok()) return batches.status();
  Samples samples;
  std::atomic<uint64_t> next = 0;
  std::atomic<uint64_t> rollouts = 0;
  const auto seconds = OnWorkers(
      options, samples, [&](client::Client& client) -> absl::StatusOr<bool> {
        const uint64_t i = next.fetch_add(1);
        if (i >= batches->size()) return false;
        const auto request = WholeReport(options.run_id, (*batches)[i]);
        const auto response =
            Timed(samples, [&] { return client.ReportRewards(request); });
        if (!response.ok()) return response.status();
        rollouts.fetch_add(response->accepted_count());
        return true;
      });
  if (!seconds.ok()) return seconds.status();
  std::vector<Figure> figures;
  figures.push_back(Rate("batch_reports", "rollouts/s",
                         static_cast<double>(rollouts.load()), *seconds,
                         options));
  AddLatencies("batch_report", options, samples, figures);
  return figures;
}

absl::StatusOr<std::vector<Figure>> MeasureSingleReports(
    const LoadOptions& options) {
  const auto batches = SampleAll(options);
  if (!batches.ok()) return batches.status();
  std::vector<SentReport> reports;
  for (const api::SampleBatchResponse& batch : *batches) {
    for (const api::SampledPrompt& prompt : batch.prompts()) {
      for (uint32_t i = 0; i < batch.group_size(); ++i) {
        reports.push_back({options.run_id,
                           batch.batch_id(),
                           {{prompt.prompt_id(), i, i % 2 == 0 ? 1.0 : 0.0}}});
      }
    }
  }
  KeyedShuffle(MixKey({kOrderStream, reports.size()}), reports);
  Samples samples;
  std::atomic<uint64_t> next = 0;
  std::atomic<uint64_t> accepted = 0;
  const auto seconds = OnWorkers(
      options, samples, [&](client::Client& client) -> absl::StatusOr<bool> {
        const uint64_t i = next.fetch_add(1);
        if (i >= reports.size()) return false;
        const auto request = ToRequest(reports[i]);
        const auto response =
            Timed(samples, [&] { return client.ReportRewards(request); });
        if (!response.ok()) return response.status();
        accepted.fetch_add(response->accepted_count());
        return true;
      });
  if (!seconds.ok()) return seconds.status();
  std::vector<Figure> figures;
  figures.push_back(Rate("single_reports", "reports/s",
                         static_cast<double>(accepted.load()), *seconds,
                         options));
  AddLatencies("single_report", options, samples, figures);
  return figures;
}

absl::StatusOr<std::vector<Figure>> MeasureDealing(const LoadOptions& options) {
  Samples samples;
  std::atomic<uint64_t> next = 0;
  std::atomic<uint64_t> dealt = 0;
  const auto seconds = OnWorkers(
      options, samples, [&](client::Client& client) -> absl::StatusOr<bool> {
        if (next.fetch_add(1) >= options.batch_count) return false;
        api::SampleBatchRequest request;
        request.set_run(client::RunName(options.run_id));
        request.set_batch_size(options.batch_size);
        request.set_min_batch_size(1);
        const auto batch =
            Timed(samples, [&] { return client.SampleBatch(request); });
        if (!batch.ok()) return batch.status();
        const auto response =
            client.ReportRewards(WholeReport(options.run_id, *batch));
        if (!response.ok()) return response.status();
        dealt.fetch_add(static_cast<uint64_t>(batch->prompts_size()));
        return true;
      });
  if (!seconds.ok()) return seconds.status();
  std::vector<Figure> figures;
  figures.push_back(Rate("dealing", "prompts/s",
                         static_cast<double>(dealt.load()), *seconds, options));
  AddLatencies("dealing_sample_batch", options, samples, figures);
  return figures;
}

absl::StatusOr<std::vector<Figure>> MeasureMixed(const LoadOptions& options,
                                                 absl::Duration duration) {
  Samples sampling;
  Samples reporting;
  std::atomic<uint64_t> rollouts = 0;
  const absl::Time deadline = client::SystemClock().Now() + duration;
  const auto seconds = OnWorkers(
      options, sampling, [&](client::Client& client) -> absl::StatusOr<bool> {
        if (client::SystemClock().Now() >= deadline) return false;
        const auto batch =
            Timed(sampling, [&] { return Sample(client, options); });
        if (!batch.ok()) return batch.status();
        const auto request = WholeReport(options.run_id, *batch);
        const auto response =
            Timed(reporting, [&] { return client.ReportRewards(request); });
        if (!response.ok()) return response.status();
        rollouts.fetch_add(response->accepted_count());
        return true;
      });
  if (!seconds.ok()) return seconds.status();
  std::vector<Figure> figures;
  figures.push_back(Rate("mixed", "rollouts/s",
                         static_cast<double>(rollouts.load()), *seconds,
                         options));
  AddLatencies("mixed_sample_batch", options, sampling, figures);
  AddLatencies("mixed_batch_report", options, reporting, figures);
  return figures;
}

}  // namespace vade::load
