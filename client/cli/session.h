// Session: what a command has while it runs: the client, where answers go and
// in which form. One for each run of vadectl. Thread-compatible.
#ifndef VADE_CLIENT_CLI_SESSION_H_
#define VADE_CLIENT_CLI_SESSION_H_

#include <istream>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "google/protobuf/message.h"

namespace vade::cli {

namespace api = ::vade::sampler::v1;

// Where the program reads and writes. Answers go to `out`, all else to `err`.
struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // Width of the terminal, 0 if there is none.
  int columns = 0;
};

// Values of the flags that every command has.
struct GlobalFlags {
  std::string address = client::kDefaultAddress;
  std::string timeout = "30s";
  std::string output = "table";
  bool tls = false;
  std::string tls_ca_file;
  std::string tls_certificate_file;
  std::string tls_key_file;
};

// The command line is wrong in a way that only the command can see; the program
// then ends with 2, where other errors end with 1.
absl::Status UsageError(const std::string& message);
bool IsUsageError(const absl::Status& status);

class Session {
 public:
  Session(const GlobalFlags& flags, Streams& streams);

  // Connects at the first call. Gives up on an absent server after a second or
  // so, since a person waits.
  absl::StatusOr<client::Client*> client();

  // For commands that take long: once the server has answered for `run`, a
  // client that waits for a server that went away, as long as --timeout says.
  // The error of GetRun if it has not.
  absl::StatusOr<client::Client*> PatientClient(const std::string& run);

  bool json() const { return flags_.output == "json"; }
  // Columns that a table may take, 0 for no limit.
  int columns() const {
    return streams_.out_is_terminal ? streams_.columns : 0;
  }
  Streams& streams() { return streams_; }
  std::ostream& out() { return streams_.out; }

  // Writes the message as indented JSON and a newline.
  absl::Status PrintJson(const google::protobuf::Message& message);
  // Writes the message as JSON on one line.
  absl::Status PrintJsonLine(const google::protobuf::Message& message);

 private:
  absl::StatusOr<client::Client*> Connect(
      int max_attempts, std::unique_ptr<client::Client>& client);

  const GlobalFlags& flags_;
  Streams& streams_;
  const absl::Duration timeout_;
  std::unique_ptr<client::Client> client_;
  std::unique_ptr<client::Client> patient_client_;
};

}  // namespace vade::cli

#endif  // VADE_CLIENT_CLI_SESSION_H_
