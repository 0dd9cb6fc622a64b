#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/kv/memory_kv_store.h"
#include "common/model/call.h"
#include "common/testing/fake_clock.h"
#include "common/testing/test_executor.h"
#include "services/maintenance/engine/job_book.h"
#include "services/maintenance/engine/task_registry.h"
#include "services/maintenance/storage/task_store.h"

namespace cairn::maintenance {

// Registry and jobs with everything around them in memory. For one thread
// only.
struct TaskSuite {
  TaskSuite()
      : executor(&clock), kv(TaskStore::TableNames().size()), store(&kv, 0) {
    call.caller.principal = "root@unix";
    clock.SetNow(absl::FromCivil(absl::CivilSecond(2026, 1, 1, 12),
                                 absl::UTCTimeZone()));
  }

  // New ones over what is durable; the old ones, if any, are gone.
  absl::Status Start() {
    tasks.reset();
    jobs.reset();
    interrupted.clear();
    auto opened = TaskRegistry::Open(
        options,
        {.clock = &clock,
         .executor = &executor,
         .store = &store,
         .on_interrupted =
             [this](TaskKind kind) { interrupted.push_back(kind); }},
        [this] { return Id(next_id++); });
    if (!opened.ok()) return opened.status();
    tasks = *std::move(opened);
    auto book = JobBook::Open(book_options, {.clock = &clock, .store = &store});
    if (!book.ok()) return book.status();
    jobs = *std::move(book);
    return absl::OkStatus();
  }

  static Uuid Id(uint64_t n) {
    Uuid id;
    id.bytes[0] = 0x7A;
    for (int i = 0; i < 8; ++i) {
      id.bytes[15 - i] = static_cast<uint8_t>(n >> (8 * i));
    }
    return id;
  }
  static TaskRequest Request(std::string request_id,
                             std::string datastore = "main") {
    TaskRequest request;
    request.request_id = std::move(request_id);
    request.kind = TaskKind::kGc;
    request.datastore = std::move(datastore);
    request.principal = "root@unix";
    request.options = "options";
    return request;
  }
  static Job MakeJob(std::string id, std::string schedule) {
    Job job;
    job.id = std::move(id);
    job.datastore = "main";
    job.kind = TaskKind::kGc;
    job.schedule = std::move(schedule);
    return job;
  }

  // The id of a new task.
  absl::StatusOr<Uuid> Create(std::string request_id,
                              std::string datastore = "main") {
    auto started =
        tasks->Create(Request(std::move(request_id), std::move(datastore)));
    if (!started.ok()) return started.status();
    return started->task.id;
  }
  absl::StatusOr<TaskRun> CreateAndBegin(std::string request_id) {
    auto id = Create(std::move(request_id));
    if (!id.ok()) return id.status();
    return tasks->Begin("main", *id);
  }

  TaskRegistry::Options options;
  JobBook::Options book_options;
  Call call;
  FakeClock clock;
  TestExecutor executor;
  MemoryKvStore kv;
  TaskStore store;
  uint64_t next_id = 1;
  std::vector<TaskKind> interrupted;  // by the last Start
  std::unique_ptr<TaskRegistry> tasks;
  std::unique_ptr<JobBook> jobs;
};

}  // namespace cairn::maintenance
