#include "tests/storage/golden_records.h"

#include <cstddef>
#include <optional>

#include "absl/status/statusor.h"
#include "storage/encoding.h"
#include "storage/keys.h"
#include "storage/types.h"

namespace vade::storage {
namespace {

const char kFormatHex[] = "010124f74c22";

const char kRegistryHex[] = "01ac02f0a2041914716a";

const char kRunHex[] =
    "0107046d617468084d6174682072756e050200401e18240a0600"
    "01401e18240a060008070605040302010476616465089a9999999999c93f"
    "2b8716d9cef7ef3f000000000000e03f0000000000000040800402"
    "000000000000f0bf000000000000f03f000000000000d03f000000000000e03f"
    "000000000000f83f0046c32300000000a08d060060d71d140000003b24083f";

const char kProgressVersion1Hex[] =
    "0100000000000029400d02e807036465666768696a6b6c6d6e6f70"
    "0000000000a04b4000000000004044400000000000801c40c801c901ca01cb01"
    "cc01cd01ce01cf01d001d1010000000000000000000000000000e03f"
    "000000000000f03f000000000000f83f00000000000000400000000000000440"
    "00000000000008400000000000000c4000000000000010400000000000001240"
    "0000000000000000000000000000d03f000000000000e03f000000000000e83f"
    "000000000000f03f000000000000f43f000000000000f83f000000000000fc3f"
    "00000000000000400000000000000240000102030405060708090a0b0c0d0e0f"
    "101112130000000000e058400000000000001040b15edb32";

const char kProgressHex[] =
    "0200000000000029400d02e807036465666768696a6b6c6d6e6f70"
    "0000000000a04b4000000000004044400000000000801c40c801c901ca01cb01"
    "cc01cd01ce01cf01d001d1010000000000000000000000000000e03f00000000"
    "0000f03f000000000000f83f0000000000000040000000000000044000000000"
    "000008400000000000000c400000000000001040000000000000124000000000"
    "00000000000000000000d03f000000000000e03f000000000000e83f00000000"
    "0000f03f000000000000f43f000000000000f83f000000000000fc3f00000000"
    "000000400000000000000240000102030405060708090a0b0c0d0e0f10111213"
    "0000000000e0584000000000000010400000000000803040af79874a";

const char kSeriesHex[] =
    "018004f403ac02a01f00000000004a93400000000000247240e731212d";

const char kPromptInfoHex[] =
    "010867736d386b2f31370206646f6d61696e07616c6765627261"
    "06736f757263650567736d386b0100ac02d03cc427";

const char kPayloadHex[] = "0174776f20706c75732074776fdd1f8d3a";

const char kPromptStateHex[] =
    "0152b81e85eb51f03f5c8fc2f5285c21400000000000804440032829"
    "000000000040444082010602300000000000001640ea96cc98";

const char kBatchVersion1Hex[] =
    "012905000000000040444002401e18240a06000807737465702d3431"
    "1032547698badcfe020901000000000000d83f0000000000c0c23f"
    "000000000000d03f000000000000e83fe80700000000000000e03f"
    "000000000000c03f000000000000e03f0000000000c0ef3f1faaee72";

const char kLeaseHex[] =
    "01020046c323000000000286e13b240a06000021141e240a0600464eeca8";

const char kGroupVersion1Hex[] =
    "010101013f020000000000803440000000000000e03f52b81e85eb51f03f"
    "5c8fc2f5285c2140000000000080444002ffffffffffffffff"
    "01000000000000006088b151";

const char kBatchHex[] =
    "022905000000000040444002401e18240a06000807737465702d34311032"
    "547698badcfe020901000000000000d83f0000000000c0c23f0000000000"
    "00d03f000000000000e83fe80700000000000000e03f000000000000c03f"
    "000000000000e03f0000000000c0ef3f0046c323000000000286e13b240a"
    "06000ead8ca7";

const char kGroupHex[] =
    "020101013f020000000000803440000000000000e03f52b81e85eb51f03f"
    "5c8fc2f5285c2140000000000080444002ffffffffffffffff0100000000"
    "0000000152b81e85eb51f03f5c8fc2f5285c214000000000008044400328"
    "29000000000040444082010602300000000000001640020096de";

const char kGroupsHex[] =
    "0103010101013f020000000000803440000000000000e03f52b81e85eb51"
    "f03f5c8fc2f5285c2140000000000080444002ffffffffffffffff010000"
    "00000000000152b81e85eb51f03f5c8fc2f5285c21400000000000804440"
    "032829000000000040444082010602300000000000001640000100000000"
    "000000000000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000396abb8e";

const char kStatesHex[] =
    "01020952b81e85eb51f03f5c8fc2f5285c214000000000008044400328290000"
    "00000040444082010602300000000000001640e8070000000000000000000000"
    "0000000000000000000000f0bf00000000000000000000000000000000000000"
    "0000000076c7e986";

RunRecord SampleRun() {
  RunRecord run;
  run.number = 7;
  run.id = "math";
  run.display_name = "Math run";
  run.epoch = 5;
  run.revision = 2;
  run.create_time_us = 1700000000000000;
  run.update_time_us = 1700000000000001;
  run.settings.seed = 0x0102030405060708;
  run.settings.cooldown = 2;
  run.settings.reference_batch_size = 512;
  run.settings.reward_rule = {RewardRuleKind::kThreshold, -1, 1, 0.25};
  run.settings.starting_alpha = 0.5;
  run.settings.starting_beta = 1.5;
  run.settings.lease_ttl_us = 600000000;
  run.settings.retained_deals = 100000;
  run.settings.retention_age_us = 86400000000;
  return run;
}

RunProgress SampleProgress() {
  RunProgress progress;
  progress.clock = 12.5;
  progress.next_sequence = 13;
  progress.oldest_sequence = 2;
  progress.next_prompt_index = 1000;
  progress.current_pass = 3;
  progress.batches = 100;
  progress.deals = 101;
  progress.rollouts = 102;
  progress.failed_rollouts = 103;
  progress.duplicate_rollouts = 104;
  progress.late_rollouts = 105;
  progress.superseded_rollouts = 106;
  progress.groups = 107;
  progress.effective_groups = 108;
  progress.failed_groups = 109;
  progress.expired_groups = 110;
  progress.released_groups = 111;
  progress.never_solved_deals = 112;
  progress.successes = 55.25;
  progress.expected_effective_groups = 40.5;
  progress.squared_error = 7.125;
  for (int i = 0; i < kDeciles; ++i) {
    const auto at = static_cast<size_t>(i);
    progress.calibration_rollouts[at] = 200 + at;
    progress.calibration_predicted[at] = 0.5 * i;
    progress.calibration_successes[at] = 0.25 * i;
  }
  for (size_t i = 0; i < kIntervalBuckets; ++i) {
    progress.redeal_intervals[i] = i;
  }
  progress.redeal_interval_sum = 99.5;
  progress.series_width = 4;
  progress.max_evidence = 16.5;
  return progress;
}

SeriesRecord SampleSeries() {
  SeriesRecord series;
  series.deals = 512;
  series.groups = 500;
  series.effective_groups = 300;
  series.rollouts = 4000;
  series.successes = 1234.5;
  series.expected_effective_groups = 290.25;
  return series;
}

PromptInfo SamplePromptInfo() {
  PromptInfo info;
  info.id = "gsm8k/17";
  info.labels = {{"domain", "algebra"}, {"source", "gsm8k"}};
  info.payload_bytes = 300;
  return info;
}

PromptState SamplePromptState() {
  PromptState state;
  state.alpha = 1.02;
  state.beta = 8.68;
  state.evidence_clock = 41;
  state.base_sequence = 3;
  state.evidence_sequence = 40;
  state.dealt_sequence = 41;
  state.dealt_clock = 40.5;
  state.dealt_position = 130;
  state.deals = 6;
  state.pass = 2;
  state.rollouts = 48;
  state.successes = 5.5;
  return state;
}

BatchRecord SampleBatch() {
  BatchRecord batch;
  batch.sequence = 41;
  batch.epoch = 5;
  batch.clock = 40.5;
  batch.create_time_us = 1700000000000002;
  batch.group_size = 8;
  batch.request_id = "step-41";
  batch.request_fingerprint = 0xfedcba9876543210;
  batch.entries = {{9, 1, 0.375, 0.146484375, 0.25, 0.75},
                   {1000, 0, 0.5, 0.125, 0.5, 0.9921875}};
  batch.lease_ttl_us = 600'000'000;
  batch.lease_expire_time_us = 1700000600000002;
  return batch;
}

LeaseRecord SampleLease() {
  return {BatchState::kCompleted, 600000000, 1700000600000002,
          1700000100000000};
}

GroupRecord SampleGroup() {
  GroupRecord group;
  group.state = GroupState::kCompleted;
  group.in_evidence = true;
  group.varied = true;
  group.rewards = 63;
  group.failed = 2;
  group.successes = 20.5;
  group.first_reward = 0.5;
  group.before_alpha = 1.02;
  group.before_beta = 8.68;
  group.before_clock = 41;
  group.reported = {~uint64_t{0}, 1};
  return group;
}

StoredGroups SampleGroups() {
  StoredGroups groups;
  groups.groups.resize(3);
  StoredGroup& first = groups.groups[0].emplace();
  first.group = SampleGroup();
  first.prompt = SamplePromptState();
  groups.groups[2].emplace();
  return groups;
}

StoredStates SampleStates() {
  StoredStates states;
  states.prompts = {{9, SamplePromptState()}, {1000, PromptState()}};
  return states;
}

template <class Record>
Golden MakeGolden(std::string table, std::string key, const Record& record,
                  std::string hex,
                  absl::StatusOr<Record> (*decode)(std::string_view,
                                                   std::string_view),
                  int version = 1) {
  Golden golden;
  golden.version = version;
  golden.table = std::move(table);
  golden.encoded = Encode(key, record);
  golden.key = std::move(key);
  golden.hex = std::move(hex);
  golden.decode = [record, decode](std::string_view k, std::string_view v) {
    const absl::StatusOr<Record> decoded = decode(k, v);
    if (!decoded.ok()) return decoded.status();
    return *decoded == record ? absl::OkStatus()
                              : absl::UnknownError("another record");
  };
  return golden;
}

Golden GoldenPayload() {
  const std::string payload = "two plus two";
  Golden golden;
  golden.table = "payload";
  golden.key = PayloadKey(7, 9);
  golden.encoded = EncodePayload(golden.key, payload);
  golden.hex = kPayloadHex;
  golden.decode = [payload](std::string_view k, std::string_view v) {
    const absl::StatusOr<std::string> decoded = DecodePayload(k, v);
    if (!decoded.ok()) return decoded.status();
    return *decoded == payload ? absl::OkStatus()
                               : absl::UnknownError("another payload");
  };
  return golden;
}

}  // namespace

std::vector<Golden> OldGoldenRecords() {
  RunProgress progress = SampleProgress();
  progress.max_evidence = 0;
  BatchRecord batch = SampleBatch();
  batch.lease_ttl_us = 0;
  batch.lease_expire_time_us = 0;
  return {
      MakeGolden("progress", ProgressKey(7), progress, kProgressVersion1Hex,
                 &DecodeProgress),
      MakeGolden("batch", BatchKey(7, 41), batch, kBatchVersion1Hex,
                 &DecodeBatch),
      MakeGolden("group", GroupKey(7, 41, 130),
                 StoredGroup{SampleGroup(), std::nullopt}, kGroupVersion1Hex,
                 &DecodeGroup),
  };
}

std::vector<Golden> GoldenRecords() {
  return {
      MakeGolden("format", FormatKey(), FormatRecord{1}, kFormatHex,
                 &DecodeFormat),
      MakeGolden("registry", RegistryKey(), RegistryRecord{300, 70000},
                 kRegistryHex, &DecodeRegistry),
      MakeGolden("run", RunKey(7), SampleRun(), kRunHex, &DecodeRun),
      MakeGolden("progress", ProgressKey(7), SampleProgress(), kProgressHex,
                 &DecodeProgress, 2),
      MakeGolden("series", SeriesKey(7, 3), SampleSeries(), kSeriesHex,
                 &DecodeSeries),
      MakeGolden("prompt info", PromptInfoKey(7, 9), SamplePromptInfo(),
                 kPromptInfoHex, &DecodePromptInfo),
      GoldenPayload(),
      MakeGolden("prompt state", PromptStateKey(7, 9), SamplePromptState(),
                 kPromptStateHex, &DecodePromptState),
      MakeGolden("batch", BatchKey(7, 41), SampleBatch(), kBatchHex,
                 &DecodeBatch, 2),
      MakeGolden("lease", LeaseKey(7, 41), SampleLease(), kLeaseHex,
                 &DecodeLease),
      MakeGolden("group", GroupKey(7, 41, 130),
                 StoredGroup{SampleGroup(), SamplePromptState()}, kGroupHex,
                 &DecodeGroup, 2),
      MakeGolden("groups", GroupsKey(7, 41), SampleGroups(), kGroupsHex,
                 &DecodeGroups),
      MakeGolden("states", StatesKey(7, 40), SampleStates(), kStatesHex,
                 &DecodeStates),
  };
}

}  // namespace vade::storage
