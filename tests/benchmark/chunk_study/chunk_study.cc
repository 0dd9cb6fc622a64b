// Which sizes of chunks and pages to use: tables for ARCHITECTURE.md, made
// with the libraries that a backup runs through.
//
//   chunk_study --image=vm.img,vm2.img --stream=src.tar,src2.tar
//       --json=study.json
//
// Tables go to stdout in Markdown, each as soon as it is whole.
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/io/posix_file_system.h"
#include "common/status/status_macros.h"
#include "common/time/clock.h"
#include "tests/benchmark/chunk_study/aged_study.h"
#include "tests/benchmark/chunk_study/archive_cut.h"
#include "tests/benchmark/chunk_study/disk_model.h"
#include "tests/benchmark/chunk_study/disk_reads.h"
#include "tests/benchmark/chunk_study/level_study.h"
#include "tests/benchmark/chunk_study/page_study.h"
#include "tests/benchmark/chunk_study/pair_study.h"
#include "tests/benchmark/chunk_study/scale_study.h"
#include "tests/benchmark/chunk_study/study_options.h"
#include "tests/benchmark/chunk_study/table.h"

namespace cairn::study {
namespace {

constexpr uint32_t kSeekBytes = 4096;
constexpr uint32_t kLongBytes = 8 << 20;
constexpr uint32_t kMaxRandomReads = 2048;
constexpr int kDiskRounds = 3;
constexpr uint64_t kPagesOfChunks = 2'000'000;

std::vector<uint32_t> Bytes(const std::vector<uint32_t>& kib) {
  std::vector<uint32_t> bytes;
  for (const uint32_t size : kib) bytes.push_back(size << 10);
  return bytes;
}

// Runs the parts that were asked for, and keeps their tables.
class Study {
 public:
  explicit Study(StudyOptions options) : options_(std::move(options)) {}

  absl::Status Run() {
    RETURN_IF_ERROR(RunCorpus("image", options_.image, options_.image_chunkers,
                              {options_.shapes[0]}));
    RETURN_IF_ERROR(RunCorpus("stream", options_.stream,
                              options_.stream_chunkers, options_.shapes));
    if (options_.Wants("scale")) {
      ASSIGN_OR_RETURN(std::vector<Table> tables,
                       StudyScale(Bytes(options_.sizes_kib), options_.page_mean,
                                  options_.references));
      Keep(std::move(tables));
      ASSIGN_OR_RETURN(Table pages,
                       StudyPages(options_.page_means, kPagesOfChunks));
      Keep({std::move(pages)});
    }
    if (options_.Wants("aged")) {
      Keep({StudyAgedImage(Bytes(options_.sizes_kib))});
    }
    if (options_.Wants("disk")) RETURN_IF_ERROR(RunDisk());
    if (!options_.json.empty()) {
      std::ofstream out(options_.json);
      out << TablesToJson(tables_) << "\n";
      if (!out.flush().good()) {
        return absl::UnknownError(
            absl::StrCat(options_.json, " cannot be written"));
      }
    }
    return absl::OkStatus();
  }

 private:
  void Keep(std::vector<Table> tables) {
    for (Table& table : tables) {
      PrintMarkdown(table, std::cout);
      tables_.push_back(std::move(table));
    }
  }

  // Every chunker, shape and size.
  absl::StatusOr<std::vector<ChunkerSpec>> Specs(
      const std::vector<std::string>& chunkers,
      const std::vector<std::string>& shapes,
      const std::vector<uint32_t>& sizes) const {
    std::vector<ChunkerSpec> specs;
    for (const std::string& chunker : chunkers) {
      for (const std::string& shape : shapes) {
        const size_t colon = shape.find(':');
        uint32_t divisor = 0;
        uint32_t factor = 0;
        if (!absl::SimpleAtoi(shape.substr(0, colon), &divisor) ||
            colon == std::string::npos ||
            !absl::SimpleAtoi(shape.substr(colon + 1), &factor) ||
            divisor == 0 || factor == 0) {
          return absl::InvalidArgumentError(absl::StrCat(
              "shape is \"", shape, "\", must be D:F, two numbers above 0"));
        }
        for (const uint32_t size : sizes) {
          specs.push_back(SpecOf(chunker, size, divisor, factor));
        }
        if (chunker.starts_with("fixed")) break;
      }
    }
    return specs;
  }

  absl::Status RunCorpus(const std::string& name,
                         const std::vector<std::string>& paths,
                         const std::vector<std::string>& chunkers,
                         const std::vector<std::string>& shapes) {
    if (paths.empty()) return absl::OkStatus();
    ArchivePair pair = {.name = name};
    ASSIGN_OR_RETURN(pair.first, ReadWholeFile(files_, paths[0]));
    ASSIGN_OR_RETURN(pair.second, ReadWholeFile(files_, paths[1]));
    if (options_.Wants("pairs")) {
      PairStudy pairs({.zstd_level = options_.zstd_level,
                       .page_mean = options_.page_mean,
                       .page_means = options_.page_means,
                       .candidates = Bytes(options_.candidates_kib)});
      ASSIGN_OR_RETURN(const std::vector<ChunkerSpec> specs,
                       Specs(chunkers, shapes, Bytes(options_.sizes_kib)));
      for (const ChunkerSpec& spec : specs) {
        std::cerr << name << ", " << SpecName(spec) << "\n";
        RETURN_IF_ERROR(pairs.Run(pair, spec));
      }
      Keep(pairs.TakeTables());
    }
    if (options_.Wants("levels")) {
      LevelStudy levels(options_.zstd_level);
      ASSIGN_OR_RETURN(
          const std::vector<ChunkerSpec> specs,
          Specs({chunkers[0]}, {shapes[0]}, Bytes(options_.candidates_kib)));
      for (const ChunkerSpec& spec : specs) {
        std::cerr << name << ", levels, " << SpecName(spec) << "\n";
        RETURN_IF_ERROR(levels.Run(name, pair.first, spec));
      }
      Keep(levels.TakeTables());
    }
    return absl::OkStatus();
  }

  absl::Status RunDisk() {
    std::vector<uint32_t> sizes = {kSeekBytes, kLongBytes};
    for (const uint32_t size : Bytes(options_.sizes_kib)) {
      sizes.push_back(size);
    }
    ASSIGN_OR_RETURN(
        const std::vector<DiskReads> reads,
        MeasureDiskReads(files_, clock_, sizes, options_.disk_mib << 20,
                         kMaxRandomReads, kDiskRounds));
    // AST and MRS of this disk: small reads at random, long ones in order.
    const DiskModel disk = {"this disk",
                            kSeekBytes / reads[0].random_bytes_per_second -
                                kSeekBytes / reads[1].stream_bytes_per_second,
                            reads[1].stream_bytes_per_second};
    Table table = {.name = "disk_reads",
                   .title = absl::StrCat(
                       "Reads of this disk, one by one, MB/s (AST ",
                       static_cast<int>(disk.seek_seconds * 1e6), " us, MRS ",
                       static_cast<int>(disk.bytes_per_second / 1e6), " MB/s)"),
                   .columns = {"chunk", "formula", "random order",
                               "stream order", "cold"}};
    for (size_t i = 2; i < reads.size(); ++i) {
      table.rows.push_back(
          {SizeName(reads[i].chunk_bytes),
           Cell::Number(disk.FormulaSpeed(reads[i].chunk_bytes) / 1e6, 0),
           Cell::Number(reads[i].random_bytes_per_second / 1e6, 0),
           Cell::Number(reads[i].stream_bytes_per_second / 1e6, 0),
           reads[i].is_cold ? "yes" : "no"});
    }
    Keep({std::move(table)});
    return absl::OkStatus();
  }

  const StudyOptions options_;
  SystemClock clock_;
  PosixFileSystem files_;
  std::vector<Table> tables_;
};

}  // namespace
}  // namespace cairn::study

int main(int argc, char** argv) {
  cairn::study::Study study(cairn::study::ParseStudyOptions(argc, argv));
  const absl::Status status = study.Run();
  if (status.ok()) return 0;
  std::cerr << "chunk_study: " << status.message() << "\n";
  return 1;
}
