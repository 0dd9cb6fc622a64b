#include "common/server/readiness_monitor.h"

#include <algorithm>
#include <utility>

#include "common/log/log.h"

namespace cairn {

ReadinessMonitor::ReadinessMonitor(HealthBoard* board, MetricRegistry* metrics,
                                   Executor* executor)
    : board_(board), metrics_(metrics), executor_(executor) {
  board_->Set("liveness", true);
  board_->Set("readiness", false);
  board_->Set("", false);
}

ReadinessMonitor::~ReadinessMonitor() { Stop(); }

void ReadinessMonitor::AddService(const std::string& service) {
  services_.push_back(service);
  board_->Set(service, false);
}

void ReadinessMonitor::AddProbe(const std::string& service,
                                const std::string& dependency, Probe probe) {
  auto added = std::make_unique<Dependency>();
  added->service = service;
  added->name = dependency;
  added->probe = std::move(probe);
  added->ready_gauge =
      &metrics_->AddGauge("cairn_dependency_ready",
                          "1 while the dependency answers, asked each second.",
                          {{"dependency", dependency}});
  dependencies_.push_back(std::move(added));
}

void ReadinessMonitor::Start() {
  for (const auto& dependency : dependencies_) Ask(dependency.get());
  {
    absl::MutexLock lock(&mutex_);
    started_ = true;
  }
  Publish();
  for (const auto& dependency : dependencies_) {
    AskAgainLater(dependency.get());
  }
}

void ReadinessMonitor::Drain() {
  {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
  }
  Publish();
}

void ReadinessMonitor::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  Publish();
  for (const auto& dependency : dependencies_) {
    Executor::TimerId timer = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (!std::exchange(dependency->has_timer, false)) continue;
      timer = dependency->timer;
    }
    // A task that runs now sets no new timer and is waited for.
    executor_->Cancel(timer);
  }
}

void ReadinessMonitor::Ask(Dependency* dependency) {
  const absl::Status status = dependency->probe();
  bool changed = false;
  {
    absl::MutexLock lock(&mutex_);
    changed = !dependency->asked || dependency->ready != status.ok();
    dependency->asked = true;
    dependency->ready = status.ok();
  }
  dependency->ready_gauge->Set(status.ok() ? 1 : 0);
  if (!changed) return;
  if (status.ok()) {
    LOG(INFO) << "dependency is ready service=" << dependency->service
              << " dependency=" << dependency->name;
  } else {
    LOG(WARNING) << "dependency is not ready service=" << dependency->service
                 << " dependency=" << dependency->name
                 << " status=" << status.ToString();
  }
}

void ReadinessMonitor::AskAgainLater(Dependency* dependency) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return;
  dependency->timer = executor_->ScheduleAfter(kInterval, [this, dependency] {
    Ask(dependency);
    Publish();
    AskAgainLater(dependency);
  });
  dependency->has_timer = true;
}

void ReadinessMonitor::Publish() {
  absl::MutexLock publish(&publish_mutex_);
  std::map<std::string, bool> ready;
  bool all = true;
  {
    absl::MutexLock lock(&mutex_);
    all = started_ && !draining_ && !stopped_;
    for (const std::string& service : services_) ready[service] = all;
    for (const auto& dependency : dependencies_) {
      if (dependency->ready) continue;
      ready[dependency->service] = false;
      all = false;
    }
  }
  for (const auto& [service, serving] : ready) board_->Set(service, serving);
  board_->Set("readiness", all);
  board_->Set("", all);
}

}  // namespace cairn
