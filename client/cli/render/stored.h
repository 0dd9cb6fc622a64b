#pragma once

#include <ostream>

#include "cairn/record/v1/record.pb.h"
#include "client/cli/render/json.h"
#include "common/model/record.h"
#include "common/page/page.h"

namespace cairn::client {

// What a store keeps, for people and programs. Ids are hexadecimal, times RFC
// 3339 in UTC; values that no release writes are shown as their numbers.

// kind, digest, and the domain unless it is the plaintext one.
Json ToJson(const RecordKey& key);

Json ToJson(const Page& page);
void PrintPage(const Page& page, std::ostream& out);

Json ToJson(const record::v1::Manifest& manifest);
void PrintManifest(const record::v1::Manifest& manifest, std::ostream& out);

Json ToJson(const record::v1::Event& event);

}  // namespace cairn::client
