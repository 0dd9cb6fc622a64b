#pragma once

#include <optional>
#include <string>
#include <string_view>

// Which request something belongs to, in the words of W3C Trace Context:
//
//   traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//                   trace id: of the request      span id: of one step of it
//
// The trace id stays the same through all services; each call, task or round
// has a span id of its own. Ids are no secrets and prove nothing.
namespace cairn {

struct TraceContext {
  std::string trace_id;      // 32 lower-case hex digits, not all 0
  std::string span_id;       // 16, likewise
  std::string flags = "01";  // 2
  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

// None: untrusted text that is no traceparent. One of a later version is
// read as far as it is known.
std::optional<TraceContext> ParseTraceParent(std::string_view text);

// Version 00.
std::string ToTraceParent(const TraceContext& trace);

// A request that begins here. Thread-safe.
TraceContext NewTrace();

// The next step of the request of `parent`: another span id.
TraceContext NewSpan(const TraceContext& parent);

// The traceparent of the next step of `parent`, or of a new request where
// `parent` is none.
std::string NextTraceParent(std::string_view parent);

}  // namespace cairn
