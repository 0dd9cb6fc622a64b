#include "services/ingest/rpc/write_replies.h"

#include "common/concurrency/cancellation.h"

namespace cairn::ingest {

v1::WriteFinished ToProto(const WrittenArchive& written) {
  v1::WriteFinished finished;
  *finished.mutable_archive() = cairn::ToProto(written.archive);
  const WriteTotals& totals = written.totals;
  v1::WriteStatistics& proto = *finished.mutable_statistics();
  proto.set_chunk_count(totals.chunk_count);
  proto.set_new_chunk_count(totals.new_chunk_count);
  proto.set_plain_bytes(totals.plain_bytes);
  proto.set_new_plain_bytes(totals.new_plain_bytes);
  proto.set_stored_bytes(totals.stored_bytes);
  proto.set_hole_bytes(totals.hole_bytes);
  proto.set_reused_bytes(totals.reused_bytes);
  return finished;
}

absl::Status EndOfMessages(const Call& call, const absl::Status& status) {
  RETURN_IF_ERROR(status);
  if (call.cancellation != nullptr) {
    RETURN_IF_ERROR(call.cancellation->Check());
  }
  return absl::InvalidArgumentError(
      "the stream ended without end; resume the archive at its durable "
      "offset");
}

}  // namespace cairn::ingest
