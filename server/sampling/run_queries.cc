// Reads of a run that look at many prompts or batches.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "server/sampling/run.h"

namespace vade::sampling {
namespace {

bool InView(const PromptTable& prompts, uint32_t index, PromptView view) {
  switch (view) {
    case PromptView::kAll:
      return true;
    case PromptView::kEnabled:
      return prompts.enabled(index);
    case PromptView::kDisabled:
      return !prompts.enabled(index);
    case PromptView::kInFlight:
      return prompts.in_flight(index);
    case PromptView::kNeverSolved: {
      const storage::PromptState state = prompts.State(index);
      return state.rollouts > 0 && state.successes == 0;
    }
    case PromptView::kNeverDealt:
      return prompts.State(index).deals == 0;
  }
  return false;
}

// Orders positions as a page does: by key, then by import.
struct Before {
  bool descending;
  bool operator()(const PromptPosition& a, const PromptPosition& b) const {
    if (a.key != b.key) return descending ? a.key > b.key : a.key < b.key;
    return a.index < b.index;
  }
};

// Label shares by (key, value), the labels with the most prompts first.
void CountLabels(const PromptTable& prompts, RunStatsInfo& stats) {
  std::vector<LabelShare> sets(prompts.label_sets().size());
  for (uint32_t index = 0; index < prompts.size(); ++index) {
    if (!prompts.present(index)) continue;
    const uint32_t deals = prompts.State(index).deals;
    LabelShare& share = sets[prompts.label_set(index)];
    ++share.prompts;
    share.deals += deals;
    share.ever_dealt += deals > 0;
  }
  absl::btree_map<std::pair<std::string, std::string>, LabelShare> by_label;
  for (uint32_t set = 0; set < sets.size(); ++set) {
    for (const auto& label : prompts.label_sets().Get(set)) {
      LabelShare& share = by_label[label];
      share.prompts += sets[set].prompts;
      share.deals += sets[set].deals;
      share.ever_dealt += sets[set].ever_dealt;
    }
  }
  for (auto& [label, share] : by_label) {
    share.key = label.first;
    share.value = label.second;
    stats.labels.push_back(std::move(share));
  }
  std::stable_sort(stats.labels.begin(), stats.labels.end(),
                   [](const LabelShare& a, const LabelShare& b) {
                     return a.prompts > b.prompts;
                   });
  if (stats.labels.size() > kMaxLabelShares) {
    stats.omitted_labels = stats.labels.size() - kMaxLabelShares;
    stats.labels.resize(kMaxLabelShares);
  }
}

}  // namespace

double Run::OrderKey(uint32_t index, PromptOrder order) const {
  const storage::PromptState state = prompts_.State(index);
  switch (order) {
    case PromptOrder::kImport:
      return index;
    case PromptOrder::kPosteriorMean:
      return PosteriorMean(EvidenceNow(index));
    case PromptOrder::kExpectedEgr:
      return EffectiveGroupProbability(EvidenceNow(index),
                                       record_.settings.group_size);
    case PromptOrder::kEvidence: {
      const Evidence evidence = EvidenceNow(index);
      return evidence.alpha + evidence.beta;
    }
    case PromptOrder::kDealCount:
      return state.deals;
    case PromptOrder::kLastDealt:
      return state.deals == 0 ? -1.0 : state.dealt_clock;
  }
  return 0;
}

PromptPage Run::ListPrompts(const ListPromptsQuery& query) const {
  const std::vector<bool> matches = prompts_.label_sets().Match(query.filter);
  const Before before = {query.descending};
  PromptPage page;
  std::vector<PromptPosition> rest;
  for (uint32_t index = 0; index < prompts_.size(); ++index) {
    if (!prompts_.present(index) || !matches[prompts_.label_set(index)] ||
        !InView(prompts_, index, query.view)) {
      continue;
    }
    ++page.total;
    const PromptPosition position = {OrderKey(index, query.order), index};
    if (!query.after.has_value() || before(*query.after, position)) {
      rest.push_back(position);
    }
  }
  const size_t count = std::min(query.page_size, rest.size());
  std::partial_sort(rest.begin(), rest.begin() + static_cast<int64_t>(count),
                    rest.end(), before);
  for (size_t i = 0; i < count; ++i) {
    page.prompts.push_back(DescribePrompt(rest[i].index));
  }
  if (count > 0 && count < rest.size()) page.next = rest[count - 1];
  return page;
}

PromptChunk Run::Export(const LabelFilter& filter, uint32_t begin,
                        size_t limit) const {
  const std::vector<bool> matches = prompts_.label_sets().Match(filter);
  PromptChunk chunk;
  const uint64_t end =
      std::min<uint64_t>(prompts_.size(), uint64_t{begin} + kMaxExportScan);
  uint32_t index = begin;
  for (; index < end && chunk.prompts.size() < limit; ++index) {
    if (prompts_.present(index) && matches[prompts_.label_set(index)]) {
      chunk.prompts.push_back(DescribePrompt(index));
    }
  }
  if (index < prompts_.size()) chunk.next = index;
  return chunk;
}

absl::StatusOr<BatchInfo> Run::GetBatch(const std::string& batch_id) const {
  if (absl::Status s = CheckAlive(); !s.ok()) return s;
  absl::StatusOr<const Batch*> batch = FindBatch(batch_id);
  if (!batch.ok()) return batch.status();
  return DescribeBatch(**batch, true);
}

BatchPage Run::ListBatches(const ListBatchesQuery& query) const {
  BatchPage page;
  uint64_t sequence = batches_.end_sequence();
  if (query.before_sequence.has_value()) {
    sequence = std::min(sequence, *query.before_sequence);
  }
  while (sequence > batches_.oldest_sequence()) {
    const Batch& batch = *batches_.Find(sequence - 1);
    if (!query.state.has_value() || batch.lease.state == *query.state) {
      if (page.batches.size() == query.page_size) {
        page.next_before_sequence = sequence;
        break;
      }
      page.batches.push_back(DescribeBatch(batch, false));
    }
    --sequence;
  }
  return page;
}

RunStatsInfo Run::Stats() const {
  RunStatsInfo stats;
  stats.run = Info();
  stats.totals = progress_;
  stats.in_flight_batches = batches_.in_flight();
  stats.series = stats_.Series();
  const uint64_t newest = std::min(progress_.deals, prompts_.count());
  // The batch that dealt the oldest of the newest N deals, as far as batches
  // are remembered.
  uint64_t deals = 0;
  uint64_t recent_sequence = batches_.end_sequence();
  while (deals < newest && recent_sequence > batches_.oldest_sequence()) {
    --recent_sequence;
    deals += batches_.Find(recent_sequence)->record.entries.size();
  }
  for (uint32_t index = 0; index < prompts_.size(); ++index) {
    if (!prompts_.present(index)) continue;
    const storage::PromptState state = prompts_.State(index);
    const double mean = PosteriorMean(EvidenceNow(index));
    ++stats.pass_rates[std::clamp(static_cast<int>(mean * kPassRateBins), 0,
                                  kPassRateBins - 1)];
    stats.ever_dealt += state.deals > 0;
    stats.recently_dealt +=
        state.dealt_sequence > 0 && state.dealt_sequence >= recent_sequence;
    stats.never_solved += state.rollouts > 0 && state.successes == 0;
  }
  CountLabels(prompts_, stats);
  return stats;
}

}  // namespace vade::sampling
