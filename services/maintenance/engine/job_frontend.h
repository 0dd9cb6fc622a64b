#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/model/uuid.h"
#include "services/index/client/catalog_client.h"
#include "services/maintenance/domain/job_rules.h"
#include "services/maintenance/engine/job_book.h"
#include "services/maintenance/engine/task_frontend.h"

namespace cairn::maintenance {

// What callers of JobService ask, and what the scheduler starts. Thread-safe.
class JobFrontend {
 public:
  // All outlive the frontend.
  struct Dependencies {
    CatalogClient* catalog = nullptr;
    JobBook* jobs = nullptr;
    TaskFrontend* tasks = nullptr;
  };

  explicit JobFrontend(const Dependencies& dependencies)
      : dependencies_(dependencies) {}

  // Creates or replaces. NotFound: there is no such datastore.
  absl::StatusOr<JobView> Put(const Call& call, const Job& job);
  // NotFound (JOB_UNKNOWN), here and below.
  absl::StatusOr<JobView> Get(const Call& call, const std::string& datastore,
                              const std::string& id);
  absl::StatusOr<ListPage<JobView>> List(const Call& call,
                                         const std::string& datastore,
                                         const PageRequest& page);
  absl::Status Remove(const std::string& datastore, const std::string& id);
  // Now, on behalf of the caller.
  absl::StatusOr<StartedTask> Run(const Call& call,
                                  const std::string& datastore,
                                  const std::string& id,
                                  const std::string& request_id);
  // As JobScheduler::Start. Unavailable: a task of this kind runs already, so
  // that the scheduler tries again.
  absl::StatusOr<Uuid> StartDue(const Job& job, const std::string& request_id);

 private:
  // The scheduler notes ends in its rounds; this tells one before.
  void AddEnd(const Call& call, JobView& view);

  const Dependencies dependencies_;
};

}  // namespace cairn::maintenance
