// The API as lines of text, one for each thing that a client may rely on, so
// that a release can be compared with what came after it. Pure functions.
//
// A line reads, for example:
//
//   field vade.sampler.v1.Run.clock = 44 double
//   method vade.sampler.v1.Sampler.GetRun vade.sampler.v1.GetRunRequest -> ...
#ifndef VADE_TESTS_HOUSE_API_LINES_H_
#define VADE_TESTS_HOUSE_API_LINES_H_

#include <string>
#include <vector>

#include "google/protobuf/descriptor.pb.h"

namespace vade::house {

// Lines of all files of package vade.sampler.v1 in `files`, sorted.
std::vector<std::string> ApiLines(
    const google::protobuf::FileDescriptorSet& files);

// What was released and is not there any more, in the order released. A
// changed element is missing in its old form.
std::vector<std::string> MissingLines(const std::vector<std::string>& released,
                                      const std::vector<std::string>& built);

}  // namespace vade::house

#endif  // VADE_TESTS_HOUSE_API_LINES_H_
