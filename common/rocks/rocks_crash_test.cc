#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "absl/random/distributions.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/run_in_child.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gtest/gtest.h"

// What of a RocksKvStore is there after its process died, and after the end
// of its log was lost.
namespace cairn {
namespace {

RocksKvStore::Options SmallOptions(const std::string& path) {
  return {.path = path,
          .tables = {{"a", true}, {"b"}},
          .write_buffer_bytes = 128 << 10,
          .reserve_bytes = 1 << 20,
          .ballast_bytes = 0};
}

// Batch number `n` writes the same to both tables.
KvBatch NumberedBatch(int n) {
  KvBatch batch;
  const std::string key = absl::StrCat(absl::Dec(n, absl::kZeroPad8));
  batch.Put(0, key, std::string(1000, static_cast<char>('a' + n % 26)));
  batch.Put(1, key, "v");
  return batch;
}

// How many batches there are: checks that they are the first ones, whole.
int CountPrefix(const RocksKvStore& store) {
  const auto view = store.NewView();
  int counts[2] = {0, 0};
  for (const KvTable table : {0u, 1u}) {
    const auto cursor = view->Scan(table, "", "");
    for (; cursor->Valid(); cursor->Next()) {
      EXPECT_EQ(cursor->key(),
                absl::StrCat(absl::Dec(counts[table], absl::kZeroPad8)));
      ++counts[table];
    }
    EXPECT_OK(cursor->status());
  }
  EXPECT_EQ(counts[0], counts[1]);
  return counts[0];
}

// Runs in a process of its own: commits for ever and tells each number that
// is durable.
[[noreturn]] void CommitForEver(const std::string& path, int pipe) {
  RecordingFatalErrorSink fatal;
  const auto store = RocksKvStore::Open(SmallOptions(path), &fatal);
  if (!store.ok()) ::_exit(1);
  for (int n = 0;; ++n) {
    const bool synced = n % 10 == 9;
    const absl::Status done = (*store)->Commit(
        NumberedBatch(n), synced ? Durability::kSynced : Durability::kBuffered);
    if (!done.ok()) ::_exit(2);
    if (synced && ::write(pipe, &n, sizeof(n)) != sizeof(n)) ::_exit(3);
  }
}

TEST(RocksCrashTest, AKilledProcessLosesNothingThatWasSynced) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 5; ++round) {
    const TempDir dir;
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) CommitForEver(dir.Join("db"), pipe[1]);
    ::close(pipe[1]);
    const int tells = absl::Uniform(random, 1, 60);
    int last = -1;
    for (int i = 0; i < tells; ++i) {
      ASSERT_EQ(::read(pipe[0], &last, sizeof(last)),
                static_cast<ssize_t>(sizeof(last)));
    }
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(pipe[0]);
    EXPECT_TRUE(RunInChild([&] {
      RecordingFatalErrorSink fatal;
      ASSERT_OK_AND_ASSIGN(
          const auto store,
          RocksKvStore::Open(SmallOptions(dir.Join("db")), &fatal));
      EXPECT_GT(CountPrefix(*store), last);
    }));
  }
}

// The newest file in `path` whose name contains `part`.
std::string Newest(const std::string& path, std::string_view part) {
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (!absl::StrContains(entry.path().filename().string(), part)) continue;
    newest = std::max(newest, entry.path().string());
  }
  return newest;
}

std::string NewestLog(const std::string& path) { return Newest(path, ".log"); }

std::string NewestManifest(const std::string& path) {
  return Newest(path, "MANIFEST-");
}

// The header of a whole record of 600 bytes, with a checksum. Zeros behind it
// are not what the checksum is of.
const std::string kTornRecord("\x12\x34\x56\x78\x58\x02\x01", 7);

// The end of the log is cut off anywhere: what is left is a prefix of the
// batches, and all that was in tables by then.
TEST(RocksCrashTest, ACutLogLeavesAPrefix) {
  std::mt19937_64 random(TestSeed());
  const TempDir dir;
  RecordingFatalErrorSink fatal;
  ASSERT_OK_AND_ASSIGN(
      const auto store,
      RocksKvStore::Open(SmallOptions(dir.Join("db")), &fatal));
  bool some = false;
  for (int round = 0; round < 10; ++round) {
    const int from = round * 20;
    for (int n = from; n < from + 20; ++n) {
      ASSERT_OK(store->Commit(NumberedBatch(n), Durability::kBuffered));
    }
    const std::string copy = dir.Join(absl::StrCat("copy", round));
    std::filesystem::copy(dir.Join("db"), copy,
                          std::filesystem::copy_options::recursive);
    const std::string log = NewestLog(copy);
    ASSERT_FALSE(log.empty());
    std::filesystem::resize_file(
        log, absl::Uniform<uint64_t>(absl::IntervalClosed, random, 0,
                                     std::filesystem::file_size(log)));
    ASSERT_OK_AND_ASSIGN(const auto reopened,
                         RocksKvStore::Open(SmallOptions(copy), &fatal));
    const int count = CountPrefix(*reopened);
    EXPECT_LE(count, from + 20);
    some |= count > 0 && count < from + 20;
    // And the store goes on from there.
    EXPECT_OK(reopened->Commit(NumberedBatch(count), Durability::kSynced));
    EXPECT_EQ(CountPrefix(*reopened), count + 1);
  }
  EXPECT_TRUE(some);
  EXPECT_TRUE(fatal.errors().empty());
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// A database of `batches`, copied to `copy` as a crash would leave it.
void CopyOfRunning(const std::string& path, const std::string& copy,
                   int batches) {
  RecordingFatalErrorSink fatal;
  ASSERT_OK_AND_ASSIGN(const auto store,
                       RocksKvStore::Open(SmallOptions(path), &fatal));
  for (int n = 0; n < batches; ++n) {
    ASSERT_OK(store->Commit(NumberedBatch(n), n % 10 == 9
                                                  ? Durability::kSynced
                                                  : Durability::kBuffered));
  }
  std::filesystem::copy(path, copy, std::filesystem::copy_options::recursive);
}

// A power cut while a log grew: the file is as long as it was to be, and its
// last pages read as zeros.
TEST(RocksCrashTest, ALogThatGoesOnInZerosLeavesAPrefix) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 10; ++round) {
    const TempDir dir;
    const std::string copy = dir.Join("copy");
    CopyOfRunning(dir.Join("db"), copy, 45);
    const std::string log = NewestLog(copy);
    std::string bytes = ReadFile(log);
    ASSERT_GT(bytes.size(), 40'000u);
    const size_t pages = bytes.size() / 4096;
    const size_t zeros =
        4096 * absl::Uniform<size_t>(absl::IntervalClosed, random, 0, pages);
    std::fill(bytes.begin() + zeros, bytes.end(), '\0');
    bytes.resize(bytes.size() + absl::Uniform(random, 0, 10'000));
    WriteFile(log, bytes);
    RecordingFatalErrorSink fatal;
    ASSERT_OK_AND_ASSIGN(const auto reopened,
                         RocksKvStore::Open(SmallOptions(copy), &fatal));
    // A batch has more than 1000 and less than 1200 bytes.
    const int count = CountPrefix(*reopened);
    EXPECT_LE(count, static_cast<int>(zeros / 1000));
    EXPECT_GE(count, static_cast<int>(zeros / 1200) - 1);
    EXPECT_OK(reopened->Commit(NumberedBatch(count), Durability::kSynced));
    EXPECT_EQ(CountPrefix(*reopened), count + 1);
  }
}

// Not a power cut: what lies behind it must not be dropped in silence, and
// what is there stays as it is for whoever looks into it.
TEST(RocksCrashTest, AFlippedBitIsRefusedAlsoBeforeZeros) {
  std::mt19937_64 random(TestSeed());
  for (const size_t zeros : {0u, 8192u}) {
    const TempDir dir;
    const std::string copy = dir.Join("copy");
    CopyOfRunning(dir.Join("db"), copy, 45);
    const std::string log = NewestLog(copy);
    std::string bytes = ReadFile(log);
    bytes[absl::Uniform<size_t>(random, 100, 20'000)] ^= 4;
    bytes.resize(bytes.size() + zeros);
    WriteFile(log, bytes);
    RecordingFatalErrorSink fatal;
    EXPECT_THAT(RocksKvStore::Open(SmallOptions(copy), &fatal),
                StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_EQ(ReadFile(log), bytes);
  }
}

TEST(RocksCrashTest, ACurrentFileThatNamesNoManifestIsDamage) {
  const TempDir dir;
  const std::string copy = dir.Join("copy");
  CopyOfRunning(dir.Join("db"), copy, 5);
  WriteFile(copy + "/CURRENT", "MANIFEST-000999\n");
  RecordingFatalErrorSink fatal;
  EXPECT_THAT(RocksKvStore::Open(SmallOptions(copy), &fatal),
              StatusIs(absl::StatusCode::kDataLoss,
                       ::testing::HasSubstr("restore or rebuild")));
}

// A record that was synced may end in zeros of its own. They look like what
// a power cut leaves, but the damage is at the end of another file.
TEST(RocksCrashTest, ATornManifestCostsTheLogNothing) {
  const TempDir dir;
  const std::string path = dir.Join("db");
  const std::string copy = dir.Join("copy");
  const std::string zeros(2000, '\0');
  {
    RecordingFatalErrorSink fatal;
    ASSERT_OK_AND_ASSIGN(const auto store,
                         RocksKvStore::Open(SmallOptions(path), &fatal));
    KvBatch batch;
    batch.Put(0, "synced", zeros);
    ASSERT_OK(store->Commit(batch, Durability::kSynced));
    std::filesystem::copy(path, copy, std::filesystem::copy_options::recursive);
  }
  const std::string manifest = NewestManifest(copy);
  WriteFile(manifest, ReadFile(manifest) + kTornRecord + zeros);
  RecordingFatalErrorSink fatal;
  ASSERT_OK_AND_ASSIGN(const auto reopened,
                       RocksKvStore::Open(SmallOptions(copy), &fatal));
  EXPECT_THAT(reopened->NewView()->Get(0, "synced"),
              IsOkAndHolds(std::optional(zeros)));
}

// A power cut within a page that was there before: the file has its new
// length, the last record not its bytes.
TEST(RocksCrashTest, ARecordWhoseEndReadsAsZerosIsDropped) {
  for (const size_t written : {0u, 100u, 580u}) {
    for (const bool manifest : {false, true}) {
      const TempDir dir;
      const std::string copy = dir.Join("copy");
      CopyOfRunning(dir.Join("db"), copy, 45);
      const std::string file =
          manifest ? NewestManifest(copy) : NewestLog(copy);
      WriteFile(file, ReadFile(file) + kTornRecord + std::string(written, 'x') +
                          std::string(600 - written, '\0'));
      RecordingFatalErrorSink fatal;
      ASSERT_OK_AND_ASSIGN(const auto reopened,
                           RocksKvStore::Open(SmallOptions(copy), &fatal));
      EXPECT_EQ(CountPrefix(*reopened), 45);
    }
  }
}

TEST(RocksCrashTest, LogAndManifestMayBothBeTorn) {
  const TempDir dir;
  const std::string copy = dir.Join("copy");
  CopyOfRunning(dir.Join("db"), copy, 45);
  for (const std::string& file : {NewestLog(copy), NewestManifest(copy)}) {
    WriteFile(file, ReadFile(file) + kTornRecord + std::string(2000, '\0'));
  }
  RecordingFatalErrorSink fatal;
  ASSERT_OK_AND_ASSIGN(const auto reopened,
                       RocksKvStore::Open(SmallOptions(copy), &fatal));
  EXPECT_EQ(CountPrefix(*reopened), 45);
}

// A process was killed while it tried whether the log opens without zeros.
TEST(RocksCrashTest, ALogThatWasSetAsideIsPutBack) {
  const TempDir dir;
  const std::string copy = dir.Join("copy");
  CopyOfRunning(dir.Join("db"), copy, 45);
  const std::string log = NewestLog(copy);
  std::filesystem::rename(log, log + ".uncut");
  WriteFile(log, "");
  RecordingFatalErrorSink fatal;
  ASSERT_OK_AND_ASSIGN(const auto reopened,
                       RocksKvStore::Open(SmallOptions(copy), &fatal));
  EXPECT_EQ(CountPrefix(*reopened), 45);
}

}  // namespace
}  // namespace cairn
