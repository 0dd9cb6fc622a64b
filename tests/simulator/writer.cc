#include "tests/simulator/writer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "tests/simulator/transmission.h"

namespace cairn::simulator {
namespace {

constexpr int kMaxAsks = 6;
constexpr int kMaxStreams = 8;

bool IsOutcomeUnknown(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsCancelled(status);
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

GroupName GroupOf(int number) {
  return {.parent = {.datastore = "default", .path = {}},
          .type = BackupType::kHost,
          .id = absl::StrCat("w", number)};
}

// Somebody asks to forget, for good, what a session is about to take over.
void ForgetForGood(Cluster& cluster, Ledger::Backup& backup) {
  const std::shared_ptr<void> request =
      cluster.ledger().Forget(backup, absl::ZeroDuration());
  IngestProcess* const ingest = &cluster.any_ingest();
  const ingest::CatalogFrontend::ForgetRequest asked = {
      .datastore = "default",
      .names = {backup.name},
      .trash_time = absl::ZeroDuration()};
  cluster.network()
      .Ask<absl::StatusOr<absl::Time>>(
          &cluster.client(), ingest, "Forget", cluster.admin(),
          [ingest, asked, request](const Call& own) {
            return ingest->engine().catalog().ForgetSnapshots(own, asked);
          })
      .IgnoreError();
}

}  // namespace

Writer::Writer(Cluster* cluster, int number, uint64_t letters)
    : cluster_(cluster),
      scheduler_(&cluster->scheduler()),
      group_(GroupOf(number)),
      letters_(letters) {}

void Writer::Run(const bool* stop) {
  while (!*stop) {
    BackUp();
    Pause();
    scheduler_->Sleep(
        absl::Seconds(1 + static_cast<int64_t>(scheduler_->Draw(15))));
  }
}

template <typename R>
R Writer::Insist(
    const std::string& what,
    const std::function<R(ingest::IngestEngine&, const Call&)>& ask) {
  for (int tries = 1;; ++tries) {
    IngestProcess* const ingest = &cluster_->any_ingest();
    R result = cluster_->network().Ask<R>(
        &cluster_->client(), ingest, what, cluster_->admin(),
        [ingest, ask](const Call& own) { return ask(ingest->engine(), own); });
    if (!IsOutcomeUnknown(StatusOf(result)) || tries == kMaxAsks) return result;
    scheduler_->Sleep(absl::Milliseconds(
        100 + static_cast<int64_t>(scheduler_->Draw(20'000))));
  }
}

// One in eight is longer than leases and idle sessions last.
void Writer::Pause() {
  if (scheduler_->Chance(0.75)) return;
  const bool is_long = scheduler_->Chance(0.5);
  scheduler_->Sleep(absl::Milliseconds(
      static_cast<int64_t>(scheduler_->Draw(is_long ? 900'000 : 20'000))));
}

Word Writer::DrawWord() {
  Word word(2 + scheduler_->Draw(11));
  for (int& letter : word)
    letter = static_cast<int>(scheduler_->Draw(letters_));
  return word;
}

// As often a changed copy of the base as something else.
Content Writer::DrawContent(const Ledger::Backup* base) {
  Content content;
  for (const char* const name : {"a", "b"}) {
    if (*name == 'b' && scheduler_->Chance(0.6)) continue;
    Word word = DrawWord();
    if (base != nullptr && base->content.archives.contains(name) &&
        scheduler_->Chance(0.7)) {
      word = base->content.archives.at(name);
      for (uint64_t changes = scheduler_->Draw(3); changes > 0; --changes) {
        word[scheduler_->Draw(word.size())] =
            static_cast<int>(scheduler_->Draw(letters_));
      }
      if (scheduler_->Chance(0.2)) word.push_back(1);
      if (scheduler_->Chance(0.1) && word.size() > 1) word.pop_back();
    }
    content.archives.emplace(name, std::move(word));
  }
  return content;
}

const Ledger::Backup* Writer::BaseOf(const Session& session) {
  if (!session.base.has_value()) return nullptr;
  return cluster_->ledger().FindByName(*session.base);
}

void Writer::BackUp() {
  reuse_refused_ = false;
  const ingest::OpenSessionRequest request = {
      .request_id = Uuid::Random(scheduler_->random()), .group = group_};
  const auto session = Insist<absl::StatusOr<Session>>(
      "OpenSession", [request](ingest::IngestEngine& engine, const Call& own) {
        return engine.backup().OpenSession(own, request);
      });
  if (!session.ok()) return;
  Ledger::Backup& backup =
      cluster_->ledger().Add(session->ref.session, session->snapshot);
  Ledger::Backup* const base =
      session->base.has_value() ? cluster_->ledger().FindByName(*session->base)
                                : nullptr;
  cluster_->ledger().SetContent(backup, DrawContent(base));
  if (base != nullptr && scheduler_->Chance(0.3)) {
    ForgetForGood(*cluster_, *base);
    // A gc comes in between.
    scheduler_->Sleep(absl::Milliseconds(scheduler_->Draw(60'000)));
  }
  Pause();
  for (const auto& [name, word] : backup.content.archives) {
    if (!Write(backup, *session, name)) return;
    Pause();
  }
  Finish(backup, *session);
}

bool Writer::Write(Ledger::Backup& backup, const Session& opened,
                   const std::string& archive) {
  const SessionName name = {"default", backup.session};
  for (int streams = 0; streams < kMaxStreams; ++streams) {
    // A former stream may go on while the question is on its way.
    const uint64_t told = backup.durable[archive];
    const auto session = Insist<absl::StatusOr<Session>>(
        "GetSession", [name](ingest::IngestEngine& engine, const Call& own) {
          return engine.backup().GetSession(own, name);
        });
    if (!session.ok() || session->state != SessionState::kOpen) {
      CheckRefusal(opened,
                   session.ok() && session->state == SessionState::kFenced
                       ? WithReason(absl::AbortedError("is fenced"),
                                    reason::kSessionFenced)
                       : session.status());
      return false;
    }
    uint64_t durable = 0;
    bool complete = false;
    bool is_begun = false;
    for (const ArchiveCheckpoint& checkpoint : session->archives) {
      if (checkpoint.name != archive) continue;
      durable = checkpoint.durable_bytes;
      complete = checkpoint.complete();
      is_begun = true;
    }
    if (durable < told) {
      cluster_->verdict().Fail(absl::StrCat("D3: ", name.ToString(), "/",
                                            archive, " was durable up to ",
                                            told, " and is up to ", durable));
    }
    if (complete) return true;
    const absl::Status status =
        WriteOnce(backup, *session, archive, durable, is_begun);
    if (HasReason(status, reason::kReuseRefused)) reuse_refused_ = true;
    CheckRefusal(opened, status);
    if (HasReason(status, reason::kSessionFenced) ||
        HasReason(status, reason::kSessionEnded)) {
      return false;
    }
    if (!status.ok()) Pause();
  }
  return false;
}

absl::Status Writer::WriteOnce(Ledger::Backup& backup, const Session& session,
                               const std::string& archive, uint64_t from,
                               bool is_begun) {
  Transmission what = {.session = {"default", backup.session},
                       .archive = archive,
                       .from = from,
                       .is_begun = is_begun,
                       .word = backup.content.archives.at(archive),
                       .backup = &backup};
  const Ledger::Backup* const base = BaseOf(session);
  if (base != nullptr && base->content.archives.contains(archive) &&
      !reuse_refused_ && scheduler_->Chance(0.8)) {
    what.base = base->name;
    what.base_word = base->content.archives.at(archive);
  }
  IngestProcess* const ingest = &cluster_->any_ingest();
  return cluster_->network().Ask<absl::Status>(
      &cluster_->client(), ingest,
      what.base.has_value() ? "WriteRanges" : "WriteStream", cluster_->admin(),
      [ingest, what](const Call& own) { return Transmit(*ingest, own, what); },
      /*may_repeat=*/false);
}

void Writer::Finish(Ledger::Backup& backup, const Session& session) {
  PublishRequest request;
  for (const auto& [name, word] : backup.content.archives) {
    request.archives.push_back(
        {.name = name, .size_bytes = word.size() * kBlockBytes});
  }
  backup.finish_sent = true;
  const SessionName name = {"default", backup.session};
  const auto published = Insist<absl::StatusOr<Snapshot>>(
      "FinishSession",
      [name, request](ingest::IngestEngine& engine, const Call& own) {
        return engine.backup().FinishSession(own, name, request);
      });
  if (!published.ok()) return CheckRefusal(session, published.status());
  if (published->name != backup.name) {
    cluster_->verdict().Fail(absl::StrCat(name.ToString(), " was to be ",
                                          backup.name.ToString(), " and is ",
                                          published->name.ToString()));
  }
  cluster_->ledger().Acknowledge(backup);
  ++published_;
}

void Writer::CheckRefusal(const Session& session, const absl::Status& status) {
  if (HasReason(status, reason::kSessionFenced) &&
      cluster_->leases().IsUnbroken(session.ref.session)) {
    cluster_->verdict().Fail(absl::StrCat(
        "S4: session ", session.ref.session.ToString(),
        " never lost its lease and is refused: ", status.ToString()));
  }
  if (absl::IsDataLoss(status) || absl::IsInternal(status) ||
      absl::IsInvalidArgument(status)) {
    cluster_->verdict().Fail(absl::StrCat(
        "session ", session.ref.session.ToString(), ": ", status.ToString()));
  }
}

}  // namespace cairn::simulator
