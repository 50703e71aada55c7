// ArenaMessages: request and response of a unary RPC in one arena, so that a
// message of a thousand parts is a few blocks of memory, taken and given back
// at once. For the RPCs that carry whole batches or come often.
//
// Owned by the service; outlives its server's calls. Thread-safe.
#ifndef VADE_SERVER_ARENA_MESSAGES_H_
#define VADE_SERVER_ARENA_MESSAGES_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "google/protobuf/arena.h"
#include "grpcpp/support/message_allocator.h"

namespace vade::server {

template <typename Request, typename Response>
class ArenaMessages final : public grpc::MessageAllocator<Request, Response> {
 public:
  grpc::MessageHolder<Request, Response>* AllocateMessages() override {
    return Holder::Make();
  }

 private:
  class Holder final : public grpc::MessageHolder<Request, Response> {
   public:
    static Holder* Make() {
      auto holder = std::make_unique<Holder>();
      Holder& made = *holder;
      made.self_ = std::move(holder);
      return &made;
    }
    Holder() : arena_(Options(first_block_)) {
      this->set_request(
          google::protobuf::Arena::CreateMessage<Request>(&arena_));
      this->set_response(
          google::protobuf::Arena::CreateMessage<Response>(&arena_));
    }

    // The answer is sent.
    void Release() override {
      const std::unique_ptr<Holder> self = std::move(self_);
    }

   private:
    // A small call fits in the first block, which is part of this object.
    static constexpr size_t kFirstBlock = 1024;
    static constexpr size_t kNextBlock = 8192;
    static constexpr size_t kMaxBlock = 65536;

    static google::protobuf::ArenaOptions Options(char* first_block) {
      google::protobuf::ArenaOptions options;
      options.initial_block = first_block;
      options.initial_block_size = kFirstBlock;
      options.start_block_size = kNextBlock;
      options.max_block_size = kMaxBlock;
      return options;
    }

    alignas(std::max_align_t) char first_block_[kFirstBlock];
    google::protobuf::Arena arena_;
    std::unique_ptr<Holder> self_;
  };
};

}  // namespace vade::server

#endif  // VADE_SERVER_ARENA_MESSAGES_H_
