#include "client/cli/run_settings.h"

#include "client/cli/flags.h"
#include "client/cli/format.h"
#include "client/cli/session.h"

namespace vade::cli {

void RunSettings::AddFixedFlags(CLI::App& app) {
  AddChoice(
      app, "--policy", policy_,
      {"vade", "vade-variance", "greedy", "last-update", "uniform", "mopps"},
      "How prompts are chosen (default vade)");
  app.add_option("--seed", seed_,
                 "Everything random follows from it (default: the server's "
                 "choice)")
      ->type_name("N");
  app.add_option("--reward-min", reward_min_,
                 "Reward that counts as success 0 (default 0)")
      ->type_name("R");
  app.add_option("--reward-max", reward_max_,
                 "Reward that counts as success 1 (default 1)")
      ->type_name("R");
  app.add_option("--reward-threshold", reward_threshold_,
                 "Rewards from here on are success 1, others 0")
      ->type_name("R");
  app.add_option("--selected-decay", selected_decay_,
                 "What a prompt keeps of its evidence when its group reports, "
                 "0 to 1 (default: the policy's)")
      ->type_name("L");
  app.add_option("--unselected-decay", unselected_decay_,
                 "What the others keep at each step, 0 to 1 (default: the "
                 "policy's)")
      ->type_name("L");
}

void RunSettings::AddChangeableFlags(CLI::App& app) {
  app.add_option("--display-name", display_name_, "A name for people")
      ->type_name("TEXT");
  app.add_option("--group-size", group_size_,
                 "Rollouts of each prompt, 1 to 1024 (default 8)")
      ->type_name("G");
  app.add_option("--reference-batch-size", reference_batch_size_,
                 "Prompts of one step of the clock; 0: each batch is one step "
                 "(default 0)")
      ->type_name("N");
  app.add_option("--cooldown", cooldown_,
                 "Least clock distance before a prompt is dealt again "
                 "(default 0)")
      ->type_name("STEPS");
  app.add_option("--target-pass-rate", target_pass_rate_,
                 "What policy mopps aims at, 0 to 1 (default 0.5)")
      ->type_name("P");
  AddDuration(app, "--lease-ttl", lease_ttl_,
              "How long a batch is in flight, 1s to 168h (default 30m)");
  app.add_option("--starting-pass-rate", starting_pass_rate_,
                 "Assumed pass rate of prompts imported without their own")
      ->type_name("P");
  app.add_option("--starting-weight", starting_weight_,
                 "How many rollouts that is worth (default 0: no evidence)")
      ->type_name("N");
  app.add_option("--retained-deals", retained_deals_,
                 "Deals remembered in ended batches (default 262144)")
      ->type_name("N");
  AddDuration(app, "--retention-age", retention_age_,
              "How long ended batches are remembered (default 168h)");
}

absl::Status RunSettings::SetRewardRule(sampler::v1::Run& run) const {
  if (reward_threshold_.has_value()) {
    if (reward_min_.has_value() || reward_max_.has_value()) {
      return UsageError(
          "--reward-threshold does not go with --reward-min and --reward-max");
    }
    run.mutable_reward_rule()->mutable_threshold()->set_threshold(
        *reward_threshold_);
  } else if (reward_min_.has_value() || reward_max_.has_value()) {
    auto* range = run.mutable_reward_rule()->mutable_range();
    range->set_min(reward_min_.value_or(0));
    range->set_max(reward_max_.value_or(1));
  }
  return absl::OkStatus();
}

absl::StatusOr<sampler::v1::Run> RunSettings::ToRun(
    google::protobuf::FieldMask* mask) const {
  sampler::v1::Run run;
  if (absl::Status status = SetRewardRule(run); !status.ok()) return status;
  if (!policy_.empty()) run.set_policy(policy_);
  if (seed_) run.set_seed(*seed_);
  if (selected_decay_) run.set_selected_decay(*selected_decay_);
  if (unselected_decay_) run.set_unselected_decay(*unselected_decay_);

  const auto given = [mask](bool is_given, const char* field) {
    if (is_given) mask->add_paths(field);
    return is_given;
  };
  if (given(display_name_.has_value(), "display_name")) {
    run.set_display_name(*display_name_);
  }
  if (given(group_size_.has_value(), "group_size")) {
    run.set_group_size(*group_size_);
  }
  if (given(reference_batch_size_.has_value(), "reference_batch_size")) {
    run.set_reference_batch_size(*reference_batch_size_);
  }
  if (given(cooldown_.has_value(), "cooldown")) run.set_cooldown(*cooldown_);
  if (given(target_pass_rate_.has_value(), "target_pass_rate")) {
    run.set_target_pass_rate(*target_pass_rate_);
  }
  if (given(!lease_ttl_.empty(), "lease_ttl")) {
    *run.mutable_lease_ttl() = ToProto(ParseChecked(lease_ttl_));
  }
  if (starting_pass_rate_.has_value() != starting_weight_.has_value()) {
    return UsageError("--starting-pass-rate and --starting-weight go together");
  }
  if (given(starting_weight_.has_value(), "starting_evidence")) {
    run.mutable_starting_evidence()->set_pass_rate(*starting_pass_rate_);
    run.mutable_starting_evidence()->set_weight(*starting_weight_);
  }
  if (given(retained_deals_.has_value(), "retained_deals")) {
    run.set_retained_deals(*retained_deals_);
  }
  if (given(!retention_age_.empty(), "retention_age")) {
    *run.mutable_retention_age() = ToProto(ParseChecked(retention_age_));
  }
  return run;
}

}  // namespace vade::cli
