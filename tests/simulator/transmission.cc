#include "tests/simulator/transmission.h"

#include <algorithm>
#include <memory>

#include "common/status/status_macros.h"

namespace cairn::simulator {
namespace {

// Notes what is told durable.
class Told final : public ingest::ArchivePipeline::Listener {
 public:
  explicit Told(const Transmission& what)
      : durable_(&what.backup->durable[what.archive]) {}

  void OnProgress(const ingest::WriteProgress& progress) override {
    *durable_ = std::max(*durable_, progress.durable_bytes);
  }
  void OnFailure() override {}

 private:
  uint64_t* const durable_;
};

// A block, now and then as a hole or in two frames.
template <typename Writer>
absl::Status SendBlock(Scheduler& scheduler, Writer& writer, uint64_t offset,
                       int letter) {
  if (scheduler.Chance(0.1)) {
    scheduler.Sleep(absl::Milliseconds(scheduler.Draw(10'000)));
  } else {
    scheduler.Yield();
  }
  if (letter == 0 && scheduler.Chance(0.5)) {
    return writer.Hole(offset, kBlockBytes);
  }
  const std::string& bytes = BlockOf(letter);
  if (scheduler.Chance(0.8)) return writer.Write(offset, bytes);
  const uint64_t half = 1 + scheduler.Draw(kBlockBytes - 1);
  RETURN_IF_ERROR(writer.Write(offset, bytes.substr(0, half)));
  scheduler.Yield();
  return writer.Write(offset + half, bytes.substr(half));
}

template <typename Writer>
absl::Status SendAll(Scheduler& scheduler, Writer& writer,
                     const Transmission& what) {
  for (size_t i = what.from / kBlockBytes; i < what.word.size(); ++i) {
    const uint64_t offset = i * kBlockBytes;
    const bool is_known =
        what.base.has_value() &&
        (i < what.base_word.size() ? what.base_word[i] == what.word[i]
                                   : what.word[i] == 0);
    if (!is_known) {
      RETURN_IF_ERROR(SendBlock(scheduler, writer, offset, what.word[i]));
    }
    if (scheduler.Chance(0.1)) RETURN_IF_ERROR(writer.Flush());
  }
  return absl::OkStatus();
}

absl::Status TransmitRanges(IngestProcess& ingest, const Call& call,
                            const Transmission& what, Told& told) {
  ASSIGN_OR_RETURN(const auto stream,
                   ingest.engine().backup().OpenRangeStream(
                       call,
                       {.session = what.session,
                        .archive = what.archive,
                        .base_snapshot = *what.base,
                        .size_bytes = what.word.size() * kBlockBytes,
                        .resume_offset = what.from},
                       &told));
  RETURN_IF_ERROR(SendAll(ingest.scheduler(), stream->writer(), what));
  return stream->writer().End().status();
}

}  // namespace

absl::Status Transmit(IngestProcess& ingest, const Call& call,
                      const Transmission& what) {
  Told told(what);
  if (what.base.has_value()) return TransmitRanges(ingest, call, what, told);
  ASSIGN_OR_RETURN(
      const auto stream,
      ingest.engine().backup().OpenStream(
          call,
          {.session = what.session,
           .archive = what.archive,
           .kind = ArchiveKind::kImage,
           .chunker =
               what.is_begun ? std::nullopt : std::optional(BlockChunker()),
           .resume_offset = what.from},
          &told));
  RETURN_IF_ERROR(SendAll(ingest.scheduler(), stream->writer(), what));
  return stream->writer().End(what.word.size() * kBlockBytes).status();
}

}  // namespace cairn::simulator
