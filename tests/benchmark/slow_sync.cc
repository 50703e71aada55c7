// Preloaded, makes every fdatasync of a program take 2 ms more, as disks do
// that keep their promises without a battery. For comparisons on machines whose
// own disk answers at once:
//
//   LD_PRELOAD=build/release/bin/libvade-slow-sync.so vade-durability-benchmark
#include <dlfcn.h>
#include <unistd.h>

#include "absl/time/time.h"
#include "client/cpp/clock.h"

namespace {

using Sync = int (*)(int);

}  // namespace

extern "C" int fdatasync(int fd) {
  static const auto sync =
      reinterpret_cast<Sync>(dlsym(RTLD_NEXT, "fdatasync"));
  const int result = sync(fd);
  vade::client::SystemClock().Sleep(absl::Milliseconds(2));
  return result;
}
