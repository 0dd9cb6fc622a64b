#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cairn/maintenance/v1/task_service.pb.h"
#include "cairn/maintenance/v1/token_service.pb.h"
#include "client/testing/grpc_test_server.h"

namespace cairn::client {

// Tasks, jobs and tokens on a unix socket, in memory. A task does nothing but
// what it was told to: it goes one step, with a line of its log, at each
// message of a watch. Thread-safe.
class FakeMaintenance {
 public:
  // What the tasks do that start from now on.
  struct Script {
    std::vector<std::string> lines = {"began", "went on", "ended"};
    maintenance::v1::TaskState end = maintenance::v1::TASK_STATE_SUCCEEDED;
    absl::Status status;  // of the end
    maintenance::v1::TaskResult result;
    bool endless = false;  // until it is cancelled
  };
  struct Faults {
    int unavailable_calls = 0;  // unary calls that fail without an effect
    int lost_starts = 0;        // starts that succeed and say UNAVAILABLE
    int watch_cuts = 0;         // watches that break after one message
    // How they break; kCancelled is what a server that ends may answer.
    absl::StatusCode watch_code = absl::StatusCode::kUnavailable;
    bool restarts = false;  // at each cut: versions begin anew
    int plan_cuts = 0;      // and plans
  };

  FakeMaintenance();
  ~FakeMaintenance();

  // "unix:PATH"
  const std::string& address() const { return socket_.address(); }

  void SetScript(const Script& script);
  void SetFaults(const Faults& faults);
  // What PlanPrune answers, message by message.
  void SetPlan(std::vector<maintenance::v1::PlanPruneResponse> plan);

  // Oldest first.
  std::vector<maintenance::v1::Task> tasks() const;
  // Of the last call.
  maintenance::v1::PruneOptions planned() const;
  maintenance::v1::ListTasksRequest listed() const;
  int watches() const;
  // Oldest first, and what the last call showed as authorization.
  std::vector<maintenance::v1::Token> tokens() const;
  std::vector<maintenance::v1::CreateTokenRequest> token_requests() const;
  std::string authorization() const;

 private:
  class Tasks;
  class Jobs;
  class Tokens;
  struct State;

  GrpcTestServer socket_;
  const std::unique_ptr<State> state_;
  const std::unique_ptr<Tasks> tasks_;
  const std::unique_ptr<Jobs> jobs_;
  const std::unique_ptr<Tokens> tokens_;
};

}  // namespace cairn::client
