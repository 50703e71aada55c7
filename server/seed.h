// Where the server gets randomness that nobody asked to repeat. Plain
// functions, thread-safe.
#ifndef VADE_SERVER_SEED_H_
#define VADE_SERVER_SEED_H_

#include <cstdint>

namespace vade::server {

// 64 bits for a run that names no seed. The run keeps them, so it replays.
uint64_t FreshSeed();

}  // namespace vade::server

#endif  // VADE_SERVER_SEED_H_
