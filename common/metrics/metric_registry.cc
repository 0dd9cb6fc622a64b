#include "common/metrics/metric_registry.h"

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"

namespace cairn {
namespace {

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter)
      : counter_(counter) {}
  void Increment(double amount) override { counter_.Increment(amount); }
  double Value() const override { return counter_.Value(); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge final : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void Set(double value) override { gauge_.Set(value); }
  void Add(double amount) override { gauge_.Increment(amount); }
  double Value() const override { return gauge_.Value(); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram)
      : histogram_(histogram) {}
  void Observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

// Names and labels in one string: what makes a series.
std::string SeriesKey(const std::string& name, const MetricLabels& labels) {
  std::string key = name;
  for (const auto& [label, value] : labels) {
    absl::StrAppend(&key, "\n", label, "=", value);
  }
  return key;
}

}  // namespace

// The metrics whose values are asked for at each scrape.
class MetricRegistry::Callbacks final : public prometheus::Collectable {
 public:
  void Add(const std::string& name, const std::string& help,
           const MetricLabels& labels, bool counts,
           std::function<double()> read) {
    absl::MutexLock lock(&mutex_);
    Family& family = families_[name];
    family.help = help;
    family.counts = counts;
    family.series.push_back({labels, std::move(read)});
  }

  std::vector<prometheus::MetricFamily> Collect() const override {
    absl::MutexLock lock(&mutex_);
    std::vector<prometheus::MetricFamily> result;
    for (const auto& [name, family] : families_) {
      prometheus::MetricFamily out;
      out.name = name;
      out.help = family.help;
      out.type = family.counts ? prometheus::MetricType::Counter
                               : prometheus::MetricType::Gauge;
      for (const Series& series : family.series) {
        prometheus::ClientMetric metric;
        for (const auto& [label, value] : series.labels) {
          metric.label.push_back({label, value});
        }
        const double value = series.read();
        metric.counter.value = value;
        metric.gauge.value = value;
        out.metric.push_back(std::move(metric));
      }
      result.push_back(std::move(out));
    }
    return result;
  }

 private:
  struct Series {
    MetricLabels labels;
    std::function<double()> read;
  };
  struct Family {
    std::string help;
    bool counts = false;
    std::vector<Series> series;
  };

  mutable absl::Mutex mutex_;
  std::map<std::string, Family> families_ ABSL_GUARDED_BY(mutex_);
};

std::vector<double> LatencyBuckets() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
          0.5,   1,      2.5,   5,    10,    30,   60};
}

std::vector<double> SizeBuckets() {
  std::vector<double> bounds;
  for (double bound = 1024; bound <= 1024.0 * 1024 * 1024; bound *= 4) {
    bounds.push_back(bound);
  }
  return bounds;
}

MetricRegistry::MetricRegistry()
    : registry_(std::make_shared<prometheus::Registry>()),
      callbacks_(std::make_shared<Callbacks>()) {}

MetricRegistry::~MetricRegistry() = default;

// The library throws where a name is wrong: an error of the program.
#define CAIRN_ADD_METRIC_(Kind, container, name, help, labels, ...)     \
  absl::MutexLock lock(&mutex_);                                        \
  std::unique_ptr<Kind>& slot = container[SeriesKey(name, labels)];     \
  if (slot != nullptr) return *slot;                                    \
  try {                                                                 \
    slot = std::make_unique<Prometheus##Kind>(prometheus::Build##Kind() \
                                                  .Name(name)           \
                                                  .Help(help)           \
                                                  .Register(*registry_) \
                                                  .Add(__VA_ARGS__));   \
  } catch (const std::exception& error) {                               \
    CHECK(false) << "metric " << (name) << ": " << error.what();        \
  }                                                                     \
  return *slot

Counter& MetricRegistry::AddCounter(const std::string& name,
                                    const std::string& help,
                                    const MetricLabels& labels) {
  CAIRN_ADD_METRIC_(Counter, counters_, name, help, labels, labels);
}

Gauge& MetricRegistry::AddGauge(const std::string& name,
                                const std::string& help,
                                const MetricLabels& labels) {
  CAIRN_ADD_METRIC_(Gauge, gauges_, name, help, labels, labels);
}

Histogram& MetricRegistry::AddHistogram(
    const std::string& name, const std::string& help,
    const MetricLabels& labels, const std::vector<double>& upper_bounds) {
  CAIRN_ADD_METRIC_(Histogram, histograms_, name, help, labels, labels,
                    upper_bounds);
}

#undef CAIRN_ADD_METRIC_

void MetricRegistry::AddCallback(const std::string& name,
                                 const std::string& help,
                                 const MetricLabels& labels, bool counts,
                                 std::function<double()> read) {
  callbacks_->Add(name, help, labels, counts, std::move(read));
}

std::string MetricRegistry::Text() const {
  std::vector<prometheus::MetricFamily> families = registry_->Collect();
  for (prometheus::MetricFamily& family : callbacks_->Collect()) {
    families.push_back(std::move(family));
  }
  return prometheus::TextSerializer().Serialize(families);
}

std::vector<std::shared_ptr<prometheus::Collectable>>
MetricRegistry::collectables() const {
  return {registry_, callbacks_};
}

}  // namespace cairn
