#include "services/maintenance/engine/job_book.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/text/printable.h"
#include "services/maintenance/engine/page_position.h"

namespace cairn::maintenance {
namespace {

constexpr char kTokenSeparator = '/';  // in no datastore's name

}  // namespace

absl::StatusOr<std::unique_ptr<JobBook>> JobBook::Open(
    const Options& options, const Dependencies& dependencies) {
  std::unique_ptr<JobBook> book(new JobBook(options, dependencies));
  ASSIGN_OR_RETURN(std::vector<StoredJob> stored,
                   dependencies.store->LoadJobs());
  absl::MutexLock lock(&book->mutex_);
  for (StoredJob& job : stored) {
    const Key key(job.job.datastore, job.job.id);
    book->jobs_.emplace(key, std::move(job));
  }
  return book;
}

// To the nanosecond, as rows keep it.
absl::Time JobBook::Now() const {
  return absl::FromUnixNanos(absl::ToUnixNanos(dependencies_.clock->Now()));
}

JobView JobBook::View(const StoredJob& stored) const {
  return {.job = stored.job,
          .state = stored.state,
          .next_run = NextRun(stored.job, stored.state, Now())};
}

absl::StatusOr<StoredJob*> JobBook::Find(const Key& key) {
  const auto found = jobs_.find(key);
  if (found != jobs_.end()) return &found->second;
  return absl::NotFoundError(absl::StrCat("job ", key.second, " of datastore ",
                                          key.first, " is not known"));
}

size_t JobBook::CountJobs(const std::string& datastore) const {
  size_t count = 0;
  for (auto next = jobs_.lower_bound({datastore, ""});
       next != jobs_.end() && next->first.first == datastore; ++next) {
    ++count;
  }
  return count;
}

absl::StatusOr<JobView> JobBook::Create(const Job& job) {
  RETURN_IF_ERROR(ValidateJob(job));
  absl::MutexLock lock(&mutex_);
  const Key key(job.datastore, job.id);
  if (jobs_.contains(key)) {
    return absl::AlreadyExistsError(
        absl::StrCat("job ", job.id, " of datastore ", job.datastore,
                     " exists; update it or choose another id"));
  }
  if (CountJobs(job.datastore) >= options_.max_jobs_per_datastore) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrCat(
            "datastore ", job.datastore, " has ",
            options_.max_jobs_per_datastore,
            " jobs, which is the limit; remove one that is not needed")),
        reason::kLimitExceeded);
  }
  StoredJob stored{.job = job, .state = NewJobState(Now())};
  TaskBatch batch = dependencies_.store->NewBatch();
  batch.HoldAtGate();
  batch.PutJob(stored.job);
  batch.PutJobState(job.datastore, job.id, stored.state);
  RETURN_IF_ERROR(dependencies_.store->Commit(batch, Durability::kSynced));
  LOG(INFO) << "job created job=" << job.id << " datastore=" << job.datastore
            << " kind=" << TaskKindName(job.kind)
            << " schedule=" << job.schedule;
  return View(jobs_.emplace(key, std::move(stored)).first->second);
}

absl::StatusOr<JobView> JobBook::Update(const Job& job) {
  RETURN_IF_ERROR(ValidateJob(job));
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(StoredJob * stored, Find({job.datastore, job.id}));
  StoredJob changed{
      .job = job,
      .state = StateAfterEdit(stored->job, job, stored->state, Now())};
  TaskBatch batch = dependencies_.store->NewBatch();
  batch.PutJob(changed.job);
  batch.PutJobState(job.datastore, job.id, changed.state);
  RETURN_IF_ERROR(dependencies_.store->Commit(batch, Durability::kSynced));
  *stored = std::move(changed);
  LOG(INFO) << "job updated job=" << job.id << " datastore=" << job.datastore
            << " schedule=" << job.schedule
            << " enabled=" << (job.enabled ? "true" : "false");
  return View(*stored);
}

absl::Status JobBook::Remove(const std::string& datastore,
                             const std::string& id) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Find({datastore, id}).status());
  TaskBatch batch = dependencies_.store->NewBatch();
  batch.RemoveJob(datastore, id);
  RETURN_IF_ERROR(dependencies_.store->Commit(batch, Durability::kSynced));
  jobs_.erase({datastore, id});
  LOG(INFO) << "job removed job=" << id << " datastore=" << datastore;
  return absl::OkStatus();
}

absl::StatusOr<JobView> JobBook::Get(const std::string& datastore,
                                     const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = jobs_.find({datastore, id});
  if (found != jobs_.end()) return View(found->second);
  return absl::NotFoundError(
      absl::StrCat("job ", id, " of datastore ", datastore, " is not known"));
}

absl::StatusOr<ListPage<JobView>> JobBook::List(
    const std::string& datastore, const PageRequest& request) const {
  absl::MutexLock lock(&mutex_);
  auto next = jobs_.lower_bound({datastore, ""});
  if (!request.page_token.empty()) {
    const size_t separator = request.page_token.find(kTokenSeparator);
    const Key after(request.page_token.substr(0, separator),
                    separator == std::string::npos
                        ? ""
                        : request.page_token.substr(separator + 1));
    if (separator == std::string::npos ||
        (!datastore.empty() && after.first != datastore)) {
      return WithReason(absl::InvalidArgumentError(
                            "page token is not one of this list; start anew"),
                        reason::kPageTokenInvalid);
    }
    next = jobs_.upper_bound(after);
  }
  ListPage<JobView> page;
  for (; next != jobs_.end(); ++next) {
    if (!datastore.empty() && next->first.first != datastore) break;
    if (page.items.size() == PageSizeOf(request)) {
      const Job& last = page.items.back().job;
      page.next_page_token = absl::StrCat(
          last.datastore, std::string(1, kTokenSeparator), last.id);
      break;
    }
    page.items.push_back(View(next->second));
  }
  return page;
}

std::vector<StoredJob> JobBook::All() const {
  absl::MutexLock lock(&mutex_);
  std::vector<StoredJob> all;
  for (const auto& [key, stored] : jobs_) all.push_back(stored);
  return all;
}

absl::Status JobBook::SaveState(StoredJob& stored, JobState state) {
  TaskBatch batch = dependencies_.store->NewBatch();
  batch.PutJobState(stored.job.datastore, stored.job.id, state);
  RETURN_IF_ERROR(dependencies_.store->Commit(batch, Durability::kSynced));
  stored.state = std::move(state);
  return absl::OkStatus();
}

absl::Status JobBook::NoteStart(const std::string& datastore,
                                const std::string& id, const Uuid& task) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(StoredJob * stored, Find({datastore, id}));
  return SaveState(*stored, StateAfterStart(stored->state, task, Now()));
}

absl::Status JobBook::NoteResult(const std::string& datastore,
                                 const std::string& id, const Uuid& task,
                                 const std::string& result) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(StoredJob * stored, Find({datastore, id}));
  if (stored->state.last_task != task) return absl::OkStatus();
  JobState state = stored->state;
  state.last_result = ToPrintableUtf8(result, kMaxStatusLength);
  return SaveState(*stored, std::move(state));
}

absl::Status JobBook::NoteFailedStart(const std::string& datastore,
                                      const std::string& id,
                                      const std::string& result) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(StoredJob * stored, Find({datastore, id}));
  JobState state = StateAfterStart(stored->state, Uuid(), Now());
  state.last_result = ToPrintableUtf8(result, kMaxStatusLength);
  return SaveState(*stored, std::move(state));
}

absl::Status JobBook::Restart(const std::string& datastore,
                              const std::string& id) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(StoredJob * stored, Find({datastore, id}));
  return SaveState(*stored, RestartSchedule(stored->state, Now()));
}

}  // namespace cairn::maintenance
