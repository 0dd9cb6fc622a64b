#include "client/benchmark/server_stages.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/backup/chunk_sender.h"
#include "client/backup/stream_sender.h"
#include "client/benchmark/memory_source.h"
#include "client/restore/archive_reader.h"
#include "client/restore/chunk_reader.h"
#include "common/model/uuid.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr int kRoundTrips = 20;

std::string RandomBytes(uint64_t size_bytes, absl::BitGenRef random) {
  std::string bytes(size_bytes, '\0');
  for (size_t at = 0; at < bytes.size(); at += sizeof(uint64_t)) {
    const uint64_t word = absl::Uniform<uint64_t>(random);
    std::memcpy(&bytes[at], &word, std::min(sizeof(word), bytes.size() - at));
  }
  return bytes;
}

bool Has(const ingest::v1::GetCapabilitiesResponse& server,
         std::string_view feature) {
  return std::find(server.features().begin(), server.features().end(),
                   feature) != server.features().end();
}

std::string WayName(bool by_chunks) { return by_chunks ? "chunks" : "stream"; }

}  // namespace

absl::StatusOr<ServerContact> ServerBenchmark::Contact() {
  ServerContact contact;
  std::vector<absl::Duration> round_trips;
  for (int i = 0; i <= kRoundTrips; ++i) {
    const absl::Duration start = environment_.clock->Monotonic();
    ASSIGN_OR_RETURN(const ingest::v1::GetCapabilitiesResponse server,
                     environment_.remote->GetCapabilities());
    const absl::Duration took = environment_.clock->Monotonic() - start;
    if (i > 0) {
      round_trips.push_back(took);
      continue;
    }
    contact.connect = took;
    contact.version = server.server_version();
    contact.write_bandwidth = server.write_bandwidth();
    contact.read_bandwidth = server.read_bandwidth();
    writes_chunks_ = Has(server, "write-chunks");
    reads_chunks_ = Has(server, "read-chunks");
  }
  contact.round_trip = Median(std::move(round_trips));
  return contact;
}

absl::StatusOr<std::vector<StageResult>> ServerBenchmark::MeasureUploads(
    const NamespaceName& scope) {
  const GroupName group = {
      .parent = scope,
      .type = BackupType::kHost,
      .id =
          absl::StrFormat("benchmark-%08x", absl::Uniform<uint32_t>(random_))};
  ingest::v1::OpenSessionRequest open;
  open.set_request_id(Uuid::Random(random_).ToString());
  open.set_group(group.ToString());
  open.set_client_label("cairn benchmark");
  ASSIGN_OR_RETURN(const model::v1::Session session,
                   environment_.remote->OpenSession(open));
  std::vector<StageResult> results;
  absl::Status status;
  for (const bool by_chunks : {true, false}) {
    if (by_chunks && !writes_chunks_) continue;
    StageResult& result = results.emplace_back();
    status = MeasureUpload(session.name(), by_chunks, result);
    if (!status.ok()) break;
  }
  const absl::Status aborted =
      environment_.remote->AbortSession(session.name());
  RETURN_IF_ERROR(status);
  RETURN_IF_ERROR(WithContext(
      aborted,
      absl::StrCat("session ", session.name(),
                   " was not ended, and holds its lease for a while")));
  return results;
}

absl::Status ServerBenchmark::MeasureUpload(const std::string& session,
                                            bool by_chunks,
                                            StageResult& result) {
  const std::string way = WayName(by_chunks);
  result.name = absl::StrCat("upload-", way);
  result.text = by_chunks
                    ? "cut, hash, compress here, send, until it is durable"
                    : "send raw, the server does the work, until it is durable";
  result.bytes = size_.bytes;
  for (int run = 0; run < size_.runs; ++run) {
    const std::string bytes = RandomBytes(size_.bytes, random_);
    const absl::Duration start = environment_.clock->Monotonic();
    RETURN_IF_ERROR(Upload(session,
                           absl::StrCat(result.name, "-", run + 1, ".raw"),
                           by_chunks, bytes));
    result.runs.push_back(environment_.clock->Monotonic() - start);
  }
  return absl::OkStatus();
}

absl::Status ServerBenchmark::Upload(const std::string& session,
                                     const std::string& archive, bool by_chunks,
                                     const std::string& bytes) {
  MemorySource source(&bytes, environment_.interrupt);
  const SendOptions options = {.session = session, .archive = archive};
  if (!by_chunks) {
    StreamSender sender(options, environment_.remote, environment_.budget,
                        environment_.progress);
    return sender.Send(source, 0).status();
  }
  ChunkSender sender(options, /*base_archive=*/"",
                     {.remote = environment_.remote,
                      .catalog = environment_.catalog,
                      .budget = environment_.budget,
                      .progress = environment_.progress,
                      .executor = environment_.executor});
  return sender.Send(source, 0).status();
}

absl::StatusOr<std::vector<StageResult>> ServerBenchmark::MeasureRestores(
    const RangeOptions& archive) {
  RangeOptions range = archive;
  range.length = size_.bytes;
  std::vector<StageResult> results;
  for (const bool by_chunks : {true, false}) {
    if (by_chunks && !reads_chunks_) continue;
    RETURN_IF_ERROR(MeasureRestore(range, by_chunks, results.emplace_back()));
  }
  return results;
}

absl::Status ServerBenchmark::MeasureRestore(const RangeOptions& archive,
                                             bool by_chunks,
                                             StageResult& result) {
  const std::string way = WayName(by_chunks);
  result.name = absl::StrCat("restore-", way);
  result.text = by_chunks ? "receive as stored, decompress and prove here"
                          : "receive raw, the server does the work";
  for (int run = 0; run < size_.runs; ++run) {
    std::unique_ptr<RangeReader> reader;
    if (by_chunks) {
      reader = std::make_unique<ChunkReader>(
          archive, environment_.catalog, environment_.budget,
          environment_.progress, environment_.executor);
    } else {
      reader = std::make_unique<ArchiveReader>(archive, environment_.catalog,
                                               environment_.budget,
                                               environment_.progress);
    }
    const absl::Duration start = environment_.clock->Monotonic();
    ASSIGN_OR_RETURN(result.bytes, Drain(*reader));
    result.runs.push_back(environment_.clock->Monotonic() - start);
  }
  if (result.bytes > 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("archive ", archive.label, ": its first ", size_.bytes,
                   " bytes are holes, or none; name one that has contents"));
}

absl::StatusOr<uint64_t> ServerBenchmark::Drain(RangeReader& reader) {
  RETURN_IF_ERROR(reader.Open());
  uint64_t bytes = 0;
  while (true) {
    RETURN_IF_ERROR(environment_.interrupt->Check());
    ASSIGN_OR_RETURN(const std::optional<Frame> frame, reader.Next());
    if (!frame.has_value()) return bytes;
    bytes += frame->data.size();
  }
}

}  // namespace cairn::client
