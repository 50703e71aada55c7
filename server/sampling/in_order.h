// InOrder: many like pieces of work, made on several threads and used on one,
// in their order; for loading, where decoding takes most of the time and only
// the order of use may decide the result. Thread-safe.
#ifndef VADE_SERVER_SAMPLING_IN_ORDER_H_
#define VADE_SERVER_SAMPLING_IN_ORDER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/mutex.h"

namespace vade::sampling {

template <class Piece>
class InOrder {
 public:
  using Make = absl::FunctionRef<absl::StatusOr<Piece>(uint64_t)>;
  using Use = absl::FunctionRef<absl::Status(Piece)>;

  // Calls `make` for 0 to `count` - 1 on up to `threads` threads, several at
  // once, and `use` for what each of them made on the caller's thread, in
  // order. The first error, in that order, of either ends it and is returned.
  // No more than two pieces a thread wait to be used. With less than two
  // threads or pieces all is done by the caller.
  static absl::Status Run(uint64_t count, uint32_t threads, Make make,
                          Use use) {
    if (threads < 2 || count < 2) {
      for (uint64_t i = 0; i < count; ++i) {
        absl::StatusOr<Piece> piece = make(i);
        if (!piece.ok()) return piece.status();
        if (absl::Status s = use(*std::move(piece)); !s.ok()) return s;
      }
      return absl::OkStatus();
    }
    InOrder order(count, size_t{threads} * 2);
    std::vector<std::thread> makers;
    for (uint64_t i = 0; i < std::min<uint64_t>(threads, count); ++i) {
      makers.emplace_back([&] { order.MakeAll(make); });
    }
    absl::Status status = order.UseAll(use);
    for (std::thread& maker : makers) maker.join();
    return status;
  }

 private:
  InOrder(uint64_t count, size_t window)
      : count_(count), window_(window), waiting_(window) {}

  void MakeAll(Make make) {
    for (;;) {
      uint64_t i = 0;
      {
        MutexLock lock(mu_);
        while (!stopped_ && next_made_ < count_ &&
               next_made_ >= next_used_ + window_) {
          changed_.Wait(mu_);
        }
        if (stopped_ || next_made_ == count_) return;
        i = next_made_++;
      }
      absl::StatusOr<Piece> piece = make(i);
      {
        MutexLock lock(mu_);
        waiting_[i % window_] = std::move(piece);
      }
      changed_.NotifyAll();
    }
  }

  absl::Status UseAll(Use use) {
    absl::Status status;
    for (uint64_t i = 0; i < count_ && status.ok(); ++i) {
      absl::StatusOr<Piece> piece = Take(i);
      status = piece.ok() ? use(*std::move(piece)) : piece.status();
    }
    {
      MutexLock lock(mu_);
      stopped_ = true;
    }
    changed_.NotifyAll();
    return status;
  }

  absl::StatusOr<Piece> Take(uint64_t i) {
    std::optional<absl::StatusOr<Piece>> taken;
    {
      MutexLock lock(mu_);
      std::optional<absl::StatusOr<Piece>>& place = waiting_[i % window_];
      while (!place.has_value()) changed_.Wait(mu_);
      taken.swap(place);
      next_used_ = i + 1;
    }
    changed_.NotifyAll();
    return *std::move(taken);
  }

  const uint64_t count_;
  const size_t window_;
  Mutex mu_;
  CondVar changed_;
  // Place i % window_ is of piece i, from when it is made until it is taken.
  std::vector<std::optional<absl::StatusOr<Piece>>> waiting_
      ABSL_GUARDED_BY(mu_);
  uint64_t next_made_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t next_used_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace vade::sampling

#endif  // VADE_SERVER_SAMPLING_IN_ORDER_H_
