#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace prometheus {
class Collectable;
class Registry;
}  // namespace prometheus

namespace cairn {

// Labels of one series. Small closed sets only, never an id or a path.
using MetricLabels = std::map<std::string, std::string>;

// A number that only grows. Thread-safe.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Increment(double amount = 1) = 0;  // negative: ignored
  virtual double Value() const = 0;
};

// A number that goes up and down. Thread-safe.
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
  virtual void Add(double amount) = 0;
  virtual double Value() const = 0;
};

// The distribution of what is observed. Thread-safe.
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

// Upper bounds in seconds, from 1 ms to 60 s, for calls and stages.
std::vector<double> LatencyBuckets();
// Upper bounds in bytes, from 1 KiB to 1 GiB by factors of 4.
std::vector<double> SizeBuckets();

// The metrics of one server, as one scrape shows them. A metric is added
// once, at start, and held by reference: it lives as long as the registry.
// The same name, labels and kind give the same metric; a name that is used
// with another kind or that is no metric name is an error of the program and
// ends it. Thread-safe.
class MetricRegistry {
 public:
  MetricRegistry();
  ~MetricRegistry();
  MetricRegistry(const MetricRegistry&) = delete;
  MetricRegistry& operator=(const MetricRegistry&) = delete;

  Counter& AddCounter(const std::string& name, const std::string& help,
                      const MetricLabels& labels = {});
  Gauge& AddGauge(const std::string& name, const std::string& help,
                  const MetricLabels& labels = {});
  // `upper_bounds` ascend; +Inf is added.
  Histogram& AddHistogram(const std::string& name, const std::string& help,
                          const MetricLabels& labels,
                          const std::vector<double>& upper_bounds);

  // A gauge (or, with `counts`, a counter) whose value is asked for at each
  // scrape. `read` is short, thread-safe, and callable while the registry
  // lives.
  void AddCallback(const std::string& name, const std::string& help,
                   const MetricLabels& labels, bool counts,
                   std::function<double()> read);

  // The text exposition format, version 0.0.4.
  std::string Text() const;

  // What an exposer serves; owned by the registry.
  std::vector<std::shared_ptr<prometheus::Collectable>> collectables() const;

 private:
  class Callbacks;

  const std::shared_ptr<prometheus::Registry> registry_;
  const std::shared_ptr<Callbacks> callbacks_;
  absl::Mutex mutex_;
  std::map<std::string, std::unique_ptr<Counter>> counters_
      ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<Gauge>> gauges_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::unique_ptr<Histogram>> histograms_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn
