#include "tests/benchmark/chunk_study/study_options.h"

#include <algorithm>
#include <cstdlib>

#include "CLI/CLI.hpp"
#include "common/compression/zstd.h"
#include "common/page/page_tree_builder.h"

namespace cairn::study {
namespace {

const std::vector<std::string> kParts = {"pairs", "levels", "scale", "aged",
                                         "disk"};

}  // namespace

bool StudyOptions::Wants(const std::string& part) const {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

StudyOptions ParseStudyOptions(int argc, char** argv) {
  StudyOptions options = {
      .parts = kParts,
      .image_chunkers = {"fixed-v1", "poly-v1"},
      .stream_chunkers = {"poly-v1"},
      .shapes = {"4:4"},
      .sizes_kib = {64, 128, 256, 512, 1024, 2048, 4096},
      .candidates_kib = {64, 128, 256, 1024},
      .page_means = {64, 128, 256, 512, 1024},
      .page_mean = PageCutRule{}.mean_entries,
      .zstd_level = kDefaultZstdLevel,
      .references = 8'000'000,
      .disk_mib = 512,
  };
  CLI::App app(
      "What sizes of chunks and pages cost: bytes, CPU time, index, mark and "
      "reads.\nWorks below TMPDIR and holds a corpus in memory.");
  app.add_option("--image", options.image,
                 "Two files: an image and the same one changed")
      ->delimiter(',')
      ->check(CLI::ExistingFile)
      ->expected(2);
  app.add_option("--stream", options.stream,
                 "Two files: a stream, such as a tar, and the same one changed")
      ->delimiter(',')
      ->check(CLI::ExistingFile)
      ->expected(2);
  app.add_option("--parts", options.parts, "Which parts; all")
      ->delimiter(',')
      ->check(CLI::IsMember(kParts));
  app.add_option("--image-chunkers", options.image_chunkers,
                 "Names of chunkers that cut the image")
      ->delimiter(',');
  app.add_option("--stream-chunkers", options.stream_chunkers,
                 "Names of chunkers that cut the stream")
      ->delimiter(',');
  app.add_option("--shapes", options.shapes,
                 "Each D:F: minimum = average / D, maximum = average * F, "
                 "powers of two; the image takes the first alone")
      ->delimiter(',');
  app.add_option("--sizes", options.sizes_kib, "Average sizes in KiB")
      ->delimiter(',');
  app.add_option("--candidates", options.candidates_kib,
                 "Sizes in KiB whose pages and levels are studied")
      ->delimiter(',');
  app.add_option("--page-means", options.page_means, "Entries a page")
      ->delimiter(',');
  app.add_option("--page-mean", options.page_mean,
                 "Entries a page where pages are not the question");
  app.add_option("--zstd-level", options.zstd_level)
      ->check(CLI::Range(kMinZstdLevel, kMaxZstdLevel));
  app.add_option("--references", options.references,
                 "Of the mark that is measured for 10 TiB");
  app.add_option("--disk-mib", options.disk_mib, "Of the file that is read");
  app.add_option("--json", options.json, "Write the tables to this file too");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return options;
}

}  // namespace cairn::study
