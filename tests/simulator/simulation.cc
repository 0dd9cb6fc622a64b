#include "tests/simulator/simulation.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/simulator/chaos.h"
#include "tests/simulator/cluster.h"
#include "tests/simulator/operators.h"
#include "tests/simulator/oracle.h"
#include "tests/simulator/reader.h"
#include "tests/simulator/writer.h"

namespace cairn::simulator {
namespace {

constexpr uint64_t kWorkSteps = 6000;
constexpr uint64_t kMaxSteps = 60'000;
constexpr uint64_t kStepsBetweenChecks = 25;
// Leases live for two minutes at most after a restart.
constexpr absl::Duration kUntilLeasesEnd = absl::Seconds(140);

class Run {
 public:
  explicit Run(const RunOptions& options)
      : trace_(options.kept_lines),
        scheduler_(options.seed, &trace_),
        cluster_(&scheduler_),
        oracle_(&cluster_),
        operators_(&cluster_),
        reader_(&cluster_),
        chaos_(&cluster_, absl::Seconds(20 + scheduler_.Draw(300))) {}

  RunResult Go();

 private:
  void DrawManners();
  void StartActors();
  void Work();
  void ComeToRest();
  void CheckRest();
  // Runs `task` in a task of the client, to its end.
  void Do(const std::string& what, std::function<void()> task);
  // Steps until `done`; says so if it never is.
  void StepUntil(const std::string& what, const std::function<bool()>& done);

  Trace trace_;
  Scheduler scheduler_;
  Cluster cluster_;
  Oracle oracle_;
  Operators operators_;
  Reader reader_;
  Chaos chaos_;
  std::vector<std::unique_ptr<Writer>> writers_;
  bool stop_ = false;
  int actors_ = 0;  // that have not come to their end
  uint64_t last_check_ = 0;
};

void Run::DrawManners() {
  const auto one_of = [this](std::vector<double> values) {
    return values[scheduler_.Draw(values.size())];
  };
  scheduler_.tempo() = {.yield_at_lock = one_of({0, 0.01, 0.05}),
                        .medium_delay = one_of({0.02, 0.2}),
                        .long_delay = one_of({0, 0.01, 0.05}),
                        .stall = one_of({0, 0.0005, 0.003})};
  cluster_.network().weather() = {.lose_request = one_of({0, 0.003, 0.02}),
                                  .lose_answer = one_of({0, 0.003, 0.02}),
                                  .repeat = one_of({0, 0.01, 0.05}),
                                  .silent = one_of({0, 0.5})};
}

void Run::StartActors() {
  const auto start = [this](const std::string& name,
                            std::function<void(const bool*)> run) {
    ++actors_;
    scheduler_.Spawn(&cluster_.client(), name, [this, run] {
      run(&stop_);
      --actors_;
    });
  };
  constexpr uint64_t kAlphabets[] = {8, 24, kLetters};
  const uint64_t letters = kAlphabets[scheduler_.Draw(3)];
  const int writers = 1 + static_cast<int>(scheduler_.Draw(3));
  for (int i = 0; i < writers; ++i) {
    writers_.push_back(std::make_unique<Writer>(&cluster_, i, letters));
    start("writer", [writer = writers_.back().get()](const bool* stop) {
      writer->Run(stop);
    });
  }
  start("reader", [this](const bool* stop) { reader_.Run(stop); });
  start("forgets", [this](const bool* stop) { operators_.RunForgets(stop); });
  for (uint64_t i = scheduler_.Draw(2) + 1; i > 0; --i) {
    start("sweeps", [this](const bool* stop) { operators_.RunSweeps(stop); });
  }
}

void Run::StepUntil(const std::string& what,
                    const std::function<bool()>& done) {
  while (!cluster_.verdict().failed() && !done()) {
    if (!scheduler_.Step() || scheduler_.steps() > kMaxSteps) {
      cluster_.verdict().Fail(absl::StrCat("no end of ", what, " after ",
                                           scheduler_.steps(), " steps\n",
                                           scheduler_.DescribeTasks()));
      return;
    }
    chaos_.EndFailed();
  }
}

void Run::Do(const std::string& what, std::function<void()> task) {
  bool done = false;
  scheduler_.Spawn(&cluster_.client(), what, [&done, task] {
    task();
    done = true;
  });
  StepUntil(what, [&done] { return done; });
}

void Run::Work() {
  DrawManners();
  cluster_.StartAll();
  scheduler_.SetQuietHook([this] {
    if (scheduler_.steps() < last_check_ + kStepsBetweenChecks) return;
    last_check_ = scheduler_.steps();
    oracle_.Check();
  });
  StartActors();
  chaos_.Begin();
  StepUntil("the work", [this] { return scheduler_.steps() >= kWorkSteps; });
  stop_ = true;
  chaos_.End();
  cluster_.network().weather() = {
      .lose_request = 0, .lose_answer = 0, .repeat = 0, .silent = 0};
  scheduler_.tempo() = {
      .yield_at_lock = 0, .medium_delay = 0, .long_delay = 0, .stall = 0};
  StepUntil("the actors", [this] { return actors_ == 0; });
}

// All lose power once more, and nothing is left of what is not durable; then
// every lease and every trash time comes to its end.
void Run::ComeToRest() {
  if (cluster_.verdict().failed()) return;
  for (Process* const process : cluster_.processes()) {
    if (process->up()) cluster_.Kill(process, /*power_cut=*/true);
  }
  scheduler_.Pass(absl::Hours(1));
  cluster_.StartAll();
  const absl::Duration until = scheduler_.now() + kUntilLeasesEnd;
  StepUntil("the leases", [this, until] { return scheduler_.now() >= until; });
  Do("the last sweep", [this] {
    const auto swept = operators_.Gc({.live_percent = 100}, 0);
    if (!swept.ok()) {
      cluster_.verdict().Fail(
          absl::StrCat("the last sweep: ", swept.status().ToString()));
    }
  });
}

void Run::CheckRest() {
  if (cluster_.verdict().failed()) return;
  oracle_.Check();
  if (cluster_.verdict().failed()) return;
  oracle_.CheckNoGarbage();
  for (const auto& [session, backup] : cluster_.ledger().backups()) {
    if (!cluster_.ledger().MustExist(backup)) continue;
    Do("a last restore", [this, &backup = backup] {
      const absl::Status read = reader_.ReadAll(backup, /*slowly=*/false);
      if (!read.ok()) {
        cluster_.verdict().Fail(absl::StrCat("D1: ", backup.name.ToString(),
                                             ": ", read.ToString()));
      }
    });
  }
}

RunResult Run::Go() {
  Work();
  ComeToRest();
  CheckRest();
  RunResult result = {.why = cluster_.verdict().why(),
                      .trace_hash = trace_.hash(),
                      .lines = trace_.lines(),
                      .steps = scheduler_.steps(),
                      .restored = reader_.restored(),
                      .sweeps = operators_.sweeps(),
                      .strokes = chaos_.strokes(),
                      .checks = oracle_.checks()};
  for (const auto& writer : writers_) result.published += writer->published();
  return result;
}

}  // namespace

RunResult Simulate(const RunOptions& options) {
  auto run = std::make_unique<Run>(options);
  RunResult result = run->Go();
  // What was found wrong may stand in the way of an orderly end.
  if (!result.why.empty()) {
    Scheduler::Abandon();
    (void)run.release();  // NOLINT
  }
  return result;
}

}  // namespace cairn::simulator
