// Whether a run already is what a call asked for: how a repeat tells that the
// attempt before it, whose answer was lost, took effect.
#ifndef VADE_CLIENT_CPP_SETTLED_H_
#define VADE_CLIENT_CPP_SETTLED_H_

#include "google/protobuf/field_mask.pb.h"
#include "vade/sampler/v1/run.pb.h"

namespace vade::client {

// Every field of `run` that is set in `wanted`, but for those that only the
// server sets, has the same value. Pure, thread-safe.
bool HasSettings(const sampler::v1::Run& run, const sampler::v1::Run& wanted);

// Every field of `mask` has the same value in both, but for one that `wanted`
// leaves unset, which stands for the run's default and matches anything. False
// for a field that Run does not have. Pure, thread-safe.
bool HasSettings(const sampler::v1::Run& run, const sampler::v1::Run& wanted,
                 const google::protobuf::FieldMask& mask);

}  // namespace vade::client

#endif  // VADE_CLIENT_CPP_SETTLED_H_
