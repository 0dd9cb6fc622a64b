#include "client/backup/backup_run.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/backup/archive_standing.h"
#include "client/backup/changed_file_source.h"
#include "client/backup/chunk_sender.h"
#include "client/backup/diff_source.h"
#include "client/backup/file_source.h"
#include "client/backup/pipe_producer.h"
#include "client/backup/range_base.h"
#include "client/backup/range_sender.h"
#include "client/backup/stream_sender.h"
#include "client/backup/stream_source.h"
#include "client/backup/tar_producer.h"
#include "client/transfer/publish_unknown.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

// Half of what a stream source keeps, so that a watermark is on its way
// before the source must stop.
constexpr uint64_t kLongestFlushInterval = StreamSource::kBufferBytes / 2;
constexpr size_t kMaxArchives = 256;
// Of one run. A sweep fences only what stood still for longer than a lease
// lasts, so a third in a row tells of something that does not pass.
constexpr int kMaxSessions = 3;
constexpr char kWriteChunksFeature[] = "write-chunks";
constexpr char kWriteRangesFeature[] = "write-ranges";

bool Has(const ingest::v1::GetCapabilitiesResponse& server,
         const char* feature) {
  return std::find(server.features().begin(), server.features().end(),
                   feature) != server.features().end();
}

model::v1::ArchiveKind ToProtoKind(ArchiveKind kind) {
  switch (kind) {
    case ArchiveKind::kStream:
      return model::v1::ARCHIVE_KIND_STREAM;
    case ArchiveKind::kImage:
      return model::v1::ARCHIVE_KIND_IMAGE;
    case ArchiveKind::kBlob:
      return model::v1::ARCHIVE_KIND_BLOB;
  }
  return model::v1::ARCHIVE_KIND_UNSPECIFIED;
}

// Whether a new session can do what this one was refused: nothing but the
// session is gone, and all that was sent can be read once more.
bool MayStartOver(const absl::Status& failure, const BackupRequest& request) {
  if (!HasReason(failure, reason::kSessionFenced) &&
      !HasReason(failure, reason::kBaseGone)) {
    return false;
  }
  // What is relative to a base is so to that one alone.
  if (request.changes.base.has_value()) return false;
  return std::none_of(
      request.archives.begin(), request.archives.end(),
      [](const ArchiveSpec& spec) { return spec.source == SourceKind::kPipe; });
}

}  // namespace

absl::StatusOr<BackupReport> BackupRun::Run(const BackupRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  RETURN_IF_ERROR(LearnLimits(request));
  // A source that cannot be opened is better known before anything is sent.
  for (const ArchiveSpec& spec : request.archives) {
    RETURN_IF_ERROR(OpenSource(spec, request).status());
  }
  ASSIGN_OR_RETURN(base_sizes_, FindBaseSizes(request, *environment_.catalog,
                                              *environment_.budget));
  absl::StatusOr<BackupReport> report = OpenAndRun(request);
  BackupRequest anew = request;
  anew.resume.resume = false;
  for (int sessions = 1; sessions < kMaxSessions && !report.ok() &&
                         MayStartOver(report.status(), request);
       ++sessions) {
    if (environment_.notice != nullptr) {
      (*environment_.notice)(absl::StrCat(
          report.status().message(),
          "; a new session starts, and reuses what is still there"));
    }
    environment_.problems->Clear();
    report = OpenAndRun(anew);
  }
  return report;
}

absl::StatusOr<BackupReport> BackupRun::OpenAndRun(
    const BackupRequest& request) {
  SessionOpener opener(environment_.remote, environment_.budget,
                       environment_.notice, random_);
  ASSIGN_OR_RETURN(const SessionOpener::Opened opened, opener.Open(request));
  ASSIGN_OR_RETURN(BackupReport report,
                   RunSession(opened.session, request, opened.file.get()));
  report.resumed = opened.resumed;
  return report;
}

absl::StatusOr<BackupReport> BackupRun::RunSession(
    const model::v1::Session& session, const BackupRequest& request,
    SessionFile* file) {
  BackupReport report;
  absl::Status failure = CheckSessionHasBase(session, request);
  for (const ArchiveSpec& spec : request.archives) {
    if (!failure.ok()) break;
    absl::StatusOr<SentArchive> sent = SendArchive(session, spec, request);
    if (!sent.ok()) {
      failure = WithContext(sent.status(), absl::StrCat("archive ", spec.name));
      break;
    }
    report.archives.push_back({.spec = spec, .sent = *std::move(sent)});
  }
  // From here on an interrupt leaves open whether the snapshot is there.
  if (failure.ok()) failure = environment_.interrupt->Check();
  if (failure.ok()) {
    absl::StatusOr<model::v1::Snapshot> snapshot =
        Finish(session.name(), report.archives);
    if (snapshot.ok()) {
      if (file != nullptr) file->Remove();
      report.snapshot = *std::move(snapshot);
      return report;
    }
    failure = snapshot.status();
    // The snapshot may be there: then nobody has anything to end.
    if (IsPassing(failure) || absl::IsCancelled(failure)) return failure;
  }
  const absl::Status aborted =
      environment_.remote->AbortSession(session.name());
  // Without an answer the session may be open, for another run to go on with.
  if (file != nullptr && !IsPassing(aborted)) file->Remove();
  return failure;
}

absl::Status BackupRun::CheckRequest(const BackupRequest& request) const {
  if (request.archives.empty() || request.archives.size() > kMaxArchives) {
    return absl::InvalidArgumentError(absl::StrCat(
        request.archives.size(), " archives, allowed are 1 to ", kMaxArchives));
  }
  std::set<std::string> names;
  int pipes = 0;
  for (const ArchiveSpec& spec : request.archives) {
    if (!names.insert(spec.name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("archive name ", spec.name, " is given twice"));
    }
    if (spec.source == SourceKind::kPipe) ++pipes;
  }
  if (pipes > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(pipes, " archives read stdin, one can"));
  }
  return CheckChanges(request);
}

absl::Status BackupRun::LearnLimits(const BackupRequest& request) {
  while (true) {
    const absl::StatusOr<ingest::v1::GetCapabilitiesResponse> found =
        environment_.remote->GetCapabilities();
    if (!found.ok()) {
      RETURN_IF_ERROR(environment_.budget->WaitAfter(found.status()));
      continue;
    }
    environment_.budget->Progress();
    if (found->max_blob_bytes() > 0) max_blob_bytes_ = found->max_blob_bytes();
    if (found->watermark_interval_bytes() > kLongestFlushInterval) {
      flush_interval_bytes_ = kLongestFlushInterval;
    }
    if (found->max_archives() > 0 &&
        request.archives.size() > found->max_archives()) {
      return absl::InvalidArgumentError(
          absl::StrCat(request.archives.size(), " archives, the server allows ",
                       found->max_archives()));
    }
    if (found->max_frame_bytes() > 0 &&
        found->max_frame_bytes() < kFrameBytes) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the server takes frames of ", found->max_frame_bytes(),
          " bytes, this client sends ", kFrameBytes, "; update one of them"));
    }
    return ChooseWay(request, *found);
  }
}

absl::Status BackupRun::ChooseWay(
    const BackupRequest& request,
    const ingest::v1::GetCapabilitiesResponse& server) {
  const bool possible = Has(server, kWriteChunksFeature);
  if (request.way == BackupWay::kChunks && !possible) {
    return absl::FailedPreconditionError(
        "the server takes no chunks; update it, or send with --way=stream");
  }
  by_chunks_ = possible && request.way != BackupWay::kStream;
  if (request.changes.base.has_value() && !Has(server, kWriteRangesFeature)) {
    return absl::FailedPreconditionError(
        "the server takes no changed ranges; update it, or back up whole, "
        "without --base and --changed-ranges");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Source>> BackupRun::OpenSource(
    const ArchiveSpec& spec, const BackupRequest& request) const {
  switch (spec.source) {
    case SourceKind::kPipe: {
      auto producer = std::make_unique<PipeProducer>(
          environment_.stdin_fd, "stdin", environment_.interrupt);
      if (IsWrittenAsChanges(spec, request)) {
        return std::make_unique<DiffSource>(std::move(producer), "stdin");
      }
      return std::make_unique<StreamSource>(std::move(producer));
    }
    case SourceKind::kDirectory: {
      ASSIGN_OR_RETURN(
          std::unique_ptr<TarProducer> producer,
          TarProducer::Open({.directory = spec.path,
                             .exclude = request.exclude,
                             .all_file_systems = request.all_file_systems},
                            environment_.interrupt, environment_.problems));
      return std::make_unique<StreamSource>(std::move(producer));
    }
    case SourceKind::kFile:
      break;
  }
  ASSIGN_OR_RETURN(
      std::unique_ptr<FileSource> source,
      FileSource::Open({.path = spec.path,
                        .kind = spec.kind,
                        .max_blob_bytes = max_blob_bytes_},
                       environment_.interrupt, environment_.problems));
  if (!IsWrittenAsChanges(spec, request)) return source;
  return std::make_unique<ChangedFileSource>(
      std::move(source), &request.changes.ranges.at(spec.name));
}

absl::StatusOr<SentArchive> BackupRun::SendArchive(
    const model::v1::Session& session, const ArchiveSpec& spec,
    const BackupRequest& request) {
  const ArchiveStanding standing = StandingOf(session, spec.name);
  SentArchive sent = {.size_bytes = standing.bytes};
  if (!standing.complete) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Source> source,
                     OpenSource(spec, request));
    ASSIGN_OR_RETURN(sent, SendBytes(session, spec, request, *source));
  }
  TransferProgress last = {.archive = spec.name,
                           .bytes = sent.size_bytes,
                           .size_bytes = sent.size_bytes,
                           .done = true,
                           .sent_bytes = sent.sent_bytes};
  if (sent.statistics.has_value()) {
    last.plain_bytes =
        sent.statistics->plain_bytes() + sent.statistics->reused_bytes();
    last.new_bytes = sent.statistics->new_plain_bytes();
  }
  (*environment_.progress)(last);
  return sent;
}

absl::StatusOr<SentArchive> BackupRun::SendBytes(
    const model::v1::Session& session, const ArchiveSpec& spec,
    const BackupRequest& request, Source& source) {
  const ArchiveStanding standing = StandingOf(session, spec.name);
  const SendOptions options = {.session = session.name(),
                               .archive = spec.name,
                               .kind = ToProtoKind(spec.kind),
                               .flush_interval_bytes = flush_interval_bytes_,
                               .zstd_level = request.zstd_level};
  if (IsWrittenAsChanges(spec, request)) {
    RangeSender sender(options,
                       {.snapshot = request.changes.base->ToString(),
                        .size_bytes = base_sizes_.at(spec.name)},
                       {.remote = environment_.remote,
                        .budget = environment_.budget,
                        .progress = environment_.progress});
    return sender.Send(source, standing.bytes);
  }
  if (!by_chunks_ || spec.kind == ArchiveKind::kBlob) {
    StreamSender sender(options, environment_.remote, environment_.budget,
                        environment_.progress);
    return sender.Send(source, standing.bytes);
  }
  ChunkSender sender(
      options,
      session.base_snapshot().empty()
          ? ""
          : absl::StrCat(session.base_snapshot(), "/archives/", spec.name),
      {.remote = environment_.remote,
       .catalog = environment_.catalog,
       .budget = environment_.budget,
       .progress = environment_.progress,
       .executor = environment_.executor});
  return sender.Send(source, standing.bytes);
}

absl::StatusOr<model::v1::Snapshot> BackupRun::Finish(
    const std::string& session,
    const std::vector<BackupReport::ArchiveReport>& archives) {
  ingest::v1::FinishSessionRequest request;
  request.set_name(session);
  for (const BackupReport::ArchiveReport& archive : archives) {
    auto* expected = request.add_archives();
    expected->set_name(archive.spec.name);
    expected->set_size_bytes(archive.sent.size_bytes);
  }
  while (true) {
    absl::StatusOr<model::v1::Snapshot> snapshot =
        environment_.remote->FinishSession(request);
    if (snapshot.ok()) return snapshot;
    const absl::Status verdict =
        environment_.budget->WaitAfter(snapshot.status());
    if (verdict.ok()) continue;
    const bool cancelled = absl::IsCancelled(verdict);
    if (!IsPassing(verdict) && !cancelled) return verdict;
    const absl::Status unknown =
        WithContext(verdict, absl::StrCat("session ", session,
                                          ": whether the snapshot was "
                                          "published is not known"));
    return cancelled ? WithReason(unknown, kPublishUnknown) : unknown;
  }
}

}  // namespace cairn::client
