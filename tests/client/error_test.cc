#include "client/cpp/error.h"

#include "tests/catch.h"
#include "tests/client/fake_sampler.h"

namespace vade::client {

TEST_CASE("An error of the server keeps code, text, reason and metadata",
          "[unit]") {
  const absl::Status status =
      FromGrpc(ErrorWithReason(grpc::StatusCode::NOT_FOUND, "no run runs/x",
                               "RUN_NOT_FOUND", {{"run", "runs/x"}}));
  CHECK(status.code() == absl::StatusCode::kNotFound);
  CHECK(std::string(status.message()) == "no run runs/x");
  CHECK(ErrorReasonOf(status) == sampler::v1::RUN_NOT_FOUND);
  CHECK(ErrorMetadataOf(status, "run") == "runs/x");
  CHECK(ErrorMetadataOf(status, "batch").empty());
  REQUIRE(ErrorInfoOf(status).has_value());
  CHECK(ErrorInfoOf(status)->domain() == "vade.sampler.v1");
}

TEST_CASE("An error without details has no reason", "[unit]") {
  const absl::Status status =
      FromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone"));
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(ErrorReasonOf(status) == sampler::v1::ERROR_REASON_UNSPECIFIED);
  CHECK_FALSE(ErrorInfoOf(status).has_value());
  CHECK(FromGrpc(grpc::Status::OK).ok());
}

TEST_CASE("Details that are not what they should be are passed over",
          "[unit]") {
  const absl::Status status = FromGrpc(
      grpc::Status(grpc::StatusCode::INTERNAL, "text", "\xff not a message"));
  CHECK(status.code() == absl::StatusCode::kInternal);
  CHECK_FALSE(ErrorInfoOf(status).has_value());
}

TEST_CASE("A reason that is newer than the client keeps its name", "[unit]") {
  const absl::Status status = FromGrpc(
      ErrorWithReason(grpc::StatusCode::ABORTED, "text", "REASON_OF_TOMORROW"));
  CHECK(ErrorReasonOf(status) == sampler::v1::ERROR_REASON_UNSPECIFIED);
  CHECK(ErrorInfoOf(status)->reason() == "REASON_OF_TOMORROW");
}

TEST_CASE("Text added to an error leaves its reason alone", "[unit]") {
  const absl::Status status =
      AppendToMessage(FromGrpc(ErrorWithReason(grpc::StatusCode::ABORTED,
                                               "text", "ETAG_MISMATCH")),
                      " and more");
  CHECK(std::string(status.message()) == "text and more");
  CHECK(ErrorReasonOf(status) == sampler::v1::ETAG_MISMATCH);
}

}  // namespace vade::client
