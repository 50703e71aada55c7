// StoreProcess: a vade_store_writer that runs beside the test. Killed, if it
// still runs, when this object goes. Thread-compatible.
#ifndef VADE_TESTS_STORAGE_STORE_PROCESS_H_
#define VADE_TESTS_STORAGE_STORE_PROCESS_H_

#include <sys/types.h>

#include <string>

namespace vade::storage {

class StoreProcess {
 public:
  // `command`, `path` and `sync` as in store_writer.cc.
  StoreProcess(const std::string& command, const std::string& path,
               const std::string& sync);
  ~StoreProcess();
  StoreProcess(const StoreProcess&) = delete;
  StoreProcess& operator=(const StoreProcess&) = delete;

  // The next line that it prints; empty at the end of its output.
  std::string ReadLine();
  // kill -9, and waits until it is gone. What it printed is still to be read.
  void Kill();

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
};

}  // namespace vade::storage

#endif  // VADE_TESTS_STORAGE_STORE_PROCESS_H_
