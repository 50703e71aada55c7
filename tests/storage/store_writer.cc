// A process for other tests to kill or to share a folder with.
//
//   vade_store_writer write PATH SYNC   writes mutations 1, 2, ... until it is
//       killed, and prints the number of each once it is answered
//   vade_store_writer hold PATH SYNC    opens the store, prints "open", and
//       waits for the end of its input
//
// SYNC: always, interval or never. Mutation i puts i under "first", "last" and
// a key of its own, so that a torn mutation shows.
#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage/rocksdb_store.h"

namespace vade::storage {
namespace {

// Straight to the pipe: what was printed survives the kill.
bool Print(const std::string& line) {
  return write(STDOUT_FILENO, line.data(), line.size()) ==
         static_cast<ssize_t>(line.size());
}

int WriteForEver(Store& store) {
  for (uint64_t i = 1;; ++i) {
    Mutation mutation;
    mutation.Put("first", absl::StrCat(i));
    mutation.Put(absl::StrFormat("item%08d", i), std::string(200, 'v'));
    mutation.Put("last", absl::StrCat(i));
    if (const absl::Status status = store.Write(mutation); !status.ok()) {
      std::cerr << status << "\n";
      return 1;
    }
    if (!Print(absl::StrCat(i, "\n"))) return 1;
  }
}

int Main(const std::string& command, const std::string& path,
         const std::string& sync) {
  RocksDbOptions options;
  options.path = path;
  options.sync = sync == "always"     ? SyncMode::kAlways
                 : sync == "interval" ? SyncMode::kInterval
                                      : SyncMode::kNever;
  options.sync_interval = absl::Milliseconds(1);
  // Small, so that a kill also falls into flushes and compactions.
  options.write_buffer_bytes = size_t{64} << 10;
  auto store = OpenRocksDbStore(options);
  if (!store.ok()) {
    std::cerr << store.status() << "\n";
    return 1;
  }
  if (command == "write") return WriteForEver(**store);
  if (!Print("open\n")) return 1;
  std::string ignored;
  while (std::getline(std::cin, ignored)) {
  }
  return 0;
}

}  // namespace
}  // namespace vade::storage

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: vade_store_writer write|hold PATH SYNC\n";
    return 2;
  }
  return vade::storage::Main(argv[1], argv[2], argv[3]);
}
