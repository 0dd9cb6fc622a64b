#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "client/transfer/frame.h"

namespace cairn::client {

// What changes of an image, for tests: bytes and holes at growing offsets.

// Of any alignment, within `size_bytes`, apart from each other or not.
std::vector<Frame> RandomChanges(std::mt19937_64& random, uint64_t size_bytes,
                                 int count, uint64_t max_length);

// What `image` becomes.
std::string WithChanges(std::string image, uint64_t size_bytes,
                        const std::vector<Frame>& changes);

// As "rbd diff v1", with names of snapshots.
std::string DiffOf(uint64_t size_bytes, const std::vector<Frame>& changes);

// As lines OFFSET LENGTH.
std::string ListOf(const std::vector<Frame>& changes);

}  // namespace cairn::client
