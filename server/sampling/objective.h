// Objectives: what a prompt is worth at a given pass rate, and the exact order
// of prompts by it. The second of a policy's three parts (policy.h).
//
// An objective I has one peak, at mode m. Prompts are ranked by the *deficit*
// D(p) = I(m) - I(p), lowest first, computed from the distance p - m rather
// than as a difference of scores: near the peak scores agree in all but their
// last digits, and a rank taken from them is mostly ties.
//
// Immutable values, thread-safe.
#ifndef VADE_SERVER_SAMPLING_OBJECTIVE_H_
#define VADE_SERVER_SAMPLING_OBJECTIVE_H_

namespace vade::sampling {

enum class ObjectiveKind {
  kInformationGain,  // I(p) = p (1 - p)^2, m = 1/3.
  kVariance,         // I(p) = p (1 - p), m = 1/2.
  kNearTarget,       // I(p) = 1 - |p - c|, m = c.
};

class Objective {
 public:
  // `target` is c of kNearTarget, in [0, 1]; the others ignore it.
  explicit Objective(ObjectiveKind kind, double target = 0.5)
      : kind_(kind), mode_(ModeOf(kind, target)) {}

  ObjectiveKind kind() const { return kind_; }

  // m, the pass rate of the highest score.
  double mode() const { return mode_; }

  // I(p) for p in [0, 1]; in [0, 1]. For people to read: rank by Deficit().
  double Score(double pass_rate) const {
    switch (kind_) {
      case ObjectiveKind::kInformationGain:
        return pass_rate * ((1 - pass_rate) * (1 - pass_rate));
      case ObjectiveKind::kVariance:
        return pass_rate * (1 - pass_rate);
      case ObjectiveKind::kNearTarget:
        break;
    }
    return 1 - Magnitude(pass_rate - mode_);
  }

  // I(m) - I(p) for p in [0, 1]: 0 at the mode, growing on both sides of it.
  double Deficit(double pass_rate) const {
    return DeficitAt(pass_rate - mode_);
  }

  // The deficit of pass rate m + `distance`; -distance is on the left.
  double DeficitAt(double distance) const {
    switch (kind_) {
      case ObjectiveKind::kInformationGain:
        // The third-order expansion about 1/3, which is the whole of it.
        return distance * distance * (1 - distance);
      case ObjectiveKind::kVariance:
        return distance * distance;
      case ObjectiveKind::kNearTarget:
        break;
    }
    return Magnitude(distance);
  }

 private:
  static double ModeOf(ObjectiveKind kind, double target) {
    switch (kind) {
      case ObjectiveKind::kInformationGain:
        return 1.0 / 3;
      case ObjectiveKind::kVariance:
        return 0.5;
      case ObjectiveKind::kNearTarget:
        break;
    }
    return target;
  }
  static double Magnitude(double x) { return x < 0 ? -x : x; }

  ObjectiveKind kind_;
  double mode_;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_OBJECTIVE_H_
