#include "common/rocks/observed_files.h"

#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "rocksdb/file_system.h"
#include "rocksdb/io_status.h"

namespace cairn {
namespace {

using rocksdb::FSDirectory;
using rocksdb::FSDirectoryWrapper;
using rocksdb::FSWritableFile;
using rocksdb::FSWritableFileOwnerWrapper;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

struct Observation {
  const Clock* clock;
  std::shared_ptr<SyncObserver> observer;

  IOStatus Of(SyncedFile file, absl::FunctionRef<IOStatus()> sync) const {
    const absl::Duration start = clock->Monotonic();
    IOStatus synced = sync();
    observer->Synced(file, clock->Monotonic() - start, synced.ok());
    return synced;
  }
};

class ObservedFile final : public FSWritableFileOwnerWrapper {
 public:
  ObservedFile(SyncedFile kind, std::unique_ptr<FSWritableFile> file,
               const Observation& observation)
      : FSWritableFileOwnerWrapper(std::move(file)),
        kind_(kind),
        observation_(observation) {}

  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return observation_.Of(kind_,
                           [&] { return target()->Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return observation_.Of(kind_,
                           [&] { return target()->Fsync(options, debug); });
  }

 private:
  const SyncedFile kind_;
  const Observation observation_;
};

class ObservedDirectory final : public FSDirectoryWrapper {
 public:
  ObservedDirectory(std::unique_ptr<FSDirectory> directory,
                    const Observation& observation)
      : FSDirectoryWrapper(std::move(directory)), observation_(observation) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return observation_.Of(SyncedFile::kDirectory, [&] {
      return FSDirectoryWrapper::Fsync(options, debug);
    });
  }
  IOStatus FsyncWithDirOptions(
      const IOOptions& options, IODebugContext* debug,
      const rocksdb::DirFsyncOptions& directory) override {
    return observation_.Of(SyncedFile::kDirectory, [&] {
      return FSDirectoryWrapper::FsyncWithDirOptions(options, debug, directory);
    });
  }

 private:
  const Observation observation_;
};

class ObservedFiles final : public rocksdb::FileSystemWrapper {
 public:
  explicit ObservedFiles(const Observation& observation)
      : FileSystemWrapper(rocksdb::FileSystem::Default()),
        observation_(observation) {}

  const char* Name() const override { return "CairnObservedFiles"; }

  IOStatus NewWritableFile(const std::string& path,
                           const rocksdb::FileOptions& options,
                           std::unique_ptr<FSWritableFile>* file,
                           IODebugContext* debug) override {
    return Observe(path, file,
                   target()->NewWritableFile(path, options, file, debug));
  }
  IOStatus ReopenWritableFile(const std::string& path,
                              const rocksdb::FileOptions& options,
                              std::unique_ptr<FSWritableFile>* file,
                              IODebugContext* debug) override {
    return Observe(path, file,
                   target()->ReopenWritableFile(path, options, file, debug));
  }
  IOStatus ReuseWritableFile(const std::string& path, const std::string& former,
                             const rocksdb::FileOptions& options,
                             std::unique_ptr<FSWritableFile>* file,
                             IODebugContext* debug) override {
    return Observe(
        path, file,
        target()->ReuseWritableFile(path, former, options, file, debug));
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<FSDirectory>* directory,
                        IODebugContext* debug) override {
    IOStatus opened = target()->NewDirectory(path, options, directory, debug);
    if (opened.ok()) {
      *directory = std::make_unique<ObservedDirectory>(std::move(*directory),
                                                       observation_);
    }
    return opened;
  }

 private:
  IOStatus Observe(const std::string& path,
                   std::unique_ptr<FSWritableFile>* file,
                   IOStatus opened) const {
    if (opened.ok()) {
      *file = std::make_unique<ObservedFile>(
          path.ends_with(".log") ? SyncedFile::kWal : SyncedFile::kDatabase,
          std::move(*file), observation_);
    }
    return opened;
  }

  const Observation observation_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> NewObservedEnv(
    const Clock* clock, std::shared_ptr<SyncObserver> observer) {
  return rocksdb::NewCompositeEnv(std::make_shared<ObservedFiles>(
      Observation{.clock = clock, .observer = std::move(observer)}));
}

}  // namespace cairn
