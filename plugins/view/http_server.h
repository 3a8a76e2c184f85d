// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace flowrun::view {

/// What a request gets.
struct Answer {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
  std::filesystem::path file{};  ///< sent instead of `body`, if not empty; a link is refused
  /// Sent instead of `body`, if set: asked once a second for what is new ("": nothing), until it gives
  /// nothing or the client is gone.
  std::function<std::optional<std::string>()> events{};
};

struct HttpOptions {
  std::string address = "127.0.0.1";  ///< an IP address to listen at
  std::uint16_t port = 0;             ///< 0: any free one
  std::string token{};                ///< the first part of every path; empty: none, and only loopback Hosts
  int threads = 4;                    ///< that answer requests
};

/// Serves GET and HEAD by HTTP/1.1 until SIGINT or SIGTERM. Bounds: 128 connections (one more is closed), of
/// which 16 get events (one more gets 503), 8 KiB of request line and headers, no bodies, 15 s to send a
/// request, 60 s to take an answer or an event.
///
/// @param answer     gets the path of the request without the token, which begins with "/"; called on several
///                   threads at once, as are different answers' events; what it throws becomes status 500
///                   with its message
/// @param listening  is called once with the link, before the first request
/// @throws flowrun::Error when the address cannot be listened at
void serve_http(const HttpOptions& options, const std::function<Answer(const std::string&)>& answer,
                const std::function<void(const std::string&)>& listening);

}  // namespace flowrun::view
