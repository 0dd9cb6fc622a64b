#include "common/digest/sha256_lanes.h"

#ifdef __x86_64__

#include <cpuid.h>
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace cairn {
namespace {

#define CAIRN_TARGET_SHA __attribute__((target("sha,ssse3,sse4.1")))

constexpr size_t kBlockBytes = 64;
// While more messages than lanes are unfinished, the lanes are given out anew
// after as many blocks (8 KiB: the shorter, the less is left over at the end).
constexpr uint64_t kTurnBlocks = 128;

alignas(16) constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// The eight words of a state as the SHA instructions want them: the names say
// the words from the highest to the lowest.
struct State {
  __m128i abef;
  __m128i cdgh;
};

State InitialState() {
  return {.abef = _mm_set_epi32(0x6a09e667, static_cast<int>(0xbb67ae85),
                                0x510e527f, static_cast<int>(0x9b05688c)),
          .cdgh = _mm_set_epi32(0x3c6ef372, static_cast<int>(0xa54ff53a),
                                0x1f83d9ab, 0x5be0cd19)};
}

// What one lane is given: a state to carry on, over blocks that lie in a row.
struct Run {
  State state;
  const uint8_t* at;
};

// Takes `blocks` blocks into each of the states.
template <size_t kLanes>
CAIRN_TARGET_SHA void Compress(Run* runs, uint64_t blocks) {
  const __m128i big_endian =
      _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const uint8_t* at[kLanes];
  __m128i s0[kLanes], s1[kLanes];
  for (size_t l = 0; l < kLanes; ++l) {
    at[l] = runs[l].at;
    s0[l] = runs[l].state.abef;
    s1[l] = runs[l].state.cdgh;
  }
  for (; blocks > 0; --blocks) {
    __m128i a[kLanes], c[kLanes], w[kLanes][4];
#pragma GCC unroll 4
    for (size_t l = 0; l < kLanes; ++l) {
      a[l] = s0[l];
      c[l] = s1[l];
#pragma GCC unroll 4
      for (size_t i = 0; i < 4; ++i) {
        w[l][i] = _mm_shuffle_epi8(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(at[l] + 16 * i)),
            big_endian);
      }
      at[l] += kBlockBytes;
    }
    // Four rounds a turn; w holds the last 16 words of the schedule.
#pragma GCC unroll 16
    for (size_t r = 0; r < 16; ++r) {
      const __m128i k =
          _mm_load_si128(reinterpret_cast<const __m128i*>(kRound + 4 * r));
#pragma GCC unroll 4
      for (size_t l = 0; l < kLanes; ++l) {
        const __m128i m = _mm_add_epi32(w[l][r % 4], k);
        c[l] = _mm_sha256rnds2_epu32(c[l], a[l], m);
        a[l] = _mm_sha256rnds2_epu32(a[l], c[l], _mm_shuffle_epi32(m, 0x0e));
        if (r < 12) {
          const __m128i last = w[l][(r + 3) % 4];
          const __m128i middle = _mm_alignr_epi8(last, w[l][(r + 2) % 4], 4);
          w[l][r % 4] = _mm_sha256msg2_epu32(
              _mm_add_epi32(
                  _mm_sha256msg1_epu32(w[l][r % 4], w[l][(r + 1) % 4]), middle),
              last);
        }
      }
    }
#pragma GCC unroll 4
    for (size_t l = 0; l < kLanes; ++l) {
      s0[l] = _mm_add_epi32(s0[l], a[l]);
      s1[l] = _mm_add_epi32(s1[l], c[l]);
    }
  }
  for (size_t l = 0; l < kLanes; ++l) {
    runs[l].state = {.abef = s0[l], .cdgh = s1[l]};
  }
}

void Compress(Run* runs, size_t lanes, uint64_t blocks) {
  switch (lanes) {
    case 1:
      return Compress<1>(runs, blocks);
    case 2:
      return Compress<2>(runs, blocks);
    case 3:
      return Compress<3>(runs, blocks);
    default:
      return Compress<4>(runs, blocks);
  }
}

// One message on its way through the lanes.
class Job {
 public:
  Job(Sha256Message message, Digest* digest)
      : state_(InitialState()), pieces_(message), digest_(digest) {
    uint64_t length = 0;
    for (const std::string_view piece : pieces_) length += piece.size();
    length_ = bytes_left_ = length;
    blocks_left_ = length / kBlockBytes + PaddingBlocks();
  }

  // Of the message and its padding.
  uint64_t blocks_left() const { return blocks_left_; }

  // Starts `run` at the next block, which is put together in `room` where it
  // does not lie in one piece, and returns how many blocks there are in a row.
  uint64_t Start(Run& run, std::span<uint8_t, 2 * kBlockBytes> room) const {
    run.state = state_;
    run.at = room.data();
    const uint64_t padding_blocks = PaddingBlocks();
    if (blocks_left_ <= padding_blocks) {
      WritePadding(room);
      run.at += (padding_blocks - blocks_left_) * kBlockBytes;
      return blocks_left_;
    }
    const std::string_view piece = pieces_.front().substr(at_);
    if (piece.size() < kBlockBytes) {
      Gather(kBlockBytes, room.data());
      return 1;
    }
    run.at = reinterpret_cast<const uint8_t*>(piece.data());
    return piece.size() / kBlockBytes;
  }

  // Takes back what Start gave, `blocks` further.
  void Carry(const Run& run, uint64_t blocks) {
    state_ = run.state;
    blocks_left_ -= blocks;
    if (blocks_left_ == 0) return SetDigest();
    Skip(std::min(blocks * kBlockBytes, bytes_left_));
  }

 private:
  // The rest of the message below a block, a one bit and 8 bytes of length.
  uint64_t PaddingBlocks() const {
    return length_ % kBlockBytes + 1 + 8 > kBlockBytes ? 2 : 1;
  }

  // Moves on by `bytes` of the message, which stay above its rest.
  void Skip(uint64_t bytes) {
    const uint64_t whole = bytes_left_ - bytes_left_ % kBlockBytes;
    bytes = std::min(bytes, whole);
    bytes_left_ -= bytes;
    at_ += bytes;
    while (!pieces_.empty() && at_ >= pieces_.front().size()) {
      at_ -= pieces_.front().size();
      pieces_ = pieces_.subspan(1);
    }
  }

  // Copies the next bytes of the message, which has as many.
  void Gather(size_t bytes, uint8_t* to) const {
    size_t at = at_;
    for (const std::string_view piece : pieces_) {
      if (bytes == 0) return;
      const std::string_view part = piece.substr(at, bytes);
      at = 0;
      if (!part.empty()) std::memcpy(to, part.data(), part.size());
      to += part.size();
      bytes -= part.size();
    }
  }

  void WritePadding(std::span<uint8_t, 2 * kBlockBytes> padding) const {
    const size_t rest = length_ % kBlockBytes;
    const size_t end = PaddingBlocks() * kBlockBytes;
    std::fill(padding.begin(), padding.begin() + end, 0);
    Gather(rest, padding.data());
    padding[rest] = 0x80;
    WriteBigEndian(length_ * 8, &padding[end - 8]);
  }

  template <typename Word>
  static void WriteBigEndian(Word word, uint8_t* to) {
    for (size_t i = sizeof(Word); i-- > 0; word >>= 8) {
      to[i] = static_cast<uint8_t>(word);
    }
  }

  void SetDigest() const {
    const auto abef = std::bit_cast<std::array<uint32_t, 4>>(state_.abef);
    const auto cdgh = std::bit_cast<std::array<uint32_t, 4>>(state_.cdgh);
    const uint32_t words[] = {abef[3], abef[2], cdgh[3], cdgh[2],
                              abef[1], abef[0], cdgh[1], cdgh[0]};
    for (size_t i = 0; i < std::size(words); ++i) {
      WriteBigEndian(words[i], digest_->bytes.data() + 4 * i);
    }
  }

  State state_;
  Sha256Message pieces_;     // from the next byte's on
  size_t at_ = 0;            // of the first of them
  uint64_t length_ = 0;      // of the whole message
  uint64_t bytes_left_ = 0;  // of it, from the next on
  Digest* digest_;
  uint64_t blocks_left_ = 0;
};

bool HasLessLeft(const Job* a, const Job* b) {
  return a->blocks_left() < b->blocks_left();
}

}  // namespace

bool HasSha256Lanes() {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr uint32_t kShaOfLeaf7 = 1 << 29;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 &&
         (ebx & kShaOfLeaf7) != 0 && __builtin_cpu_supports("ssse3") &&
         __builtin_cpu_supports("sse4.1");
}

void Sha256Lanes(std::span<const Sha256Message> messages,
                 std::span<Digest> digests) {
  std::vector<Job> jobs;
  jobs.reserve(messages.size());
  std::vector<Job*> waiting;  // a heap: the one with most left in front
  waiting.reserve(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    jobs.emplace_back(messages[i], &digests[i]);
    waiting.push_back(&jobs.back());
  }
  std::make_heap(waiting.begin(), waiting.end(), HasLessLeft);

  std::array<std::array<uint8_t, 2 * kBlockBytes>, kSha256Lanes> paddings;
  while (!waiting.empty()) {
    std::array<Job*, kSha256Lanes> taken;
    std::array<Run, kSha256Lanes> runs;
    const size_t lanes = std::min(waiting.size(), kSha256Lanes);
    uint64_t blocks = waiting.size() > lanes ? kTurnBlocks : ~uint64_t{0};
    for (size_t l = 0; l < lanes; ++l) {
      std::pop_heap(waiting.begin(), waiting.end(), HasLessLeft);
      taken[l] = waiting.back();
      waiting.pop_back();
      blocks = std::min(blocks, taken[l]->Start(runs[l], paddings[l]));
    }
    Compress(runs.data(), lanes, blocks);
    for (size_t l = 0; l < lanes; ++l) {
      taken[l]->Carry(runs[l], blocks);
      if (taken[l]->blocks_left() == 0) continue;
      waiting.push_back(taken[l]);
      std::push_heap(waiting.begin(), waiting.end(), HasLessLeft);
    }
  }
}

}  // namespace cairn

#else

namespace cairn {

bool HasSha256Lanes() { return false; }

void Sha256Lanes(std::span<const Sha256Message>, std::span<Digest>) {
  __builtin_trap();  // its contract asks for HasSha256Lanes()
}

}  // namespace cairn

#endif
