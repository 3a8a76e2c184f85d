// SPDX-License-Identifier: Apache-2.0
#include "http_server.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace flowrun::view {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr int most_connections = 128;
constexpr int most_listeners = 16;
constexpr std::uint32_t most_header_bytes = 8192;

struct Service {
  const HttpOptions& options;
  const std::function<Answer(const std::string&)>& answer;
  std::atomic<int> connections = 0;
  std::atomic<int> listeners = 0;  // of these connections
};

/// A page of another site that lets its name point here (DNS rebinding) has its own name as Host.
bool is_loopback_host(std::string_view host, std::uint16_t port) {
  for (const char* name : {"localhost", "127.0.0.1", "[::1]"})
    if (host == fmt::format("{}:{}", name, port) || (port == 80 && host == name)) return true;
  return false;
}

bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  int difference = 0;  // looks at all of it, so that time tells nothing
  for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == 0;
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, Service& service)
      : stream_(std::move(socket)), service_(service), port_(stream_.socket().local_endpoint().port()) {
    ++service_.connections;
  }
  ~Connection() {
    --service_.connections;
    if (listens_) --service_.listeners;
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(most_header_bytes);
    parser_->body_limit(0);
    stream_.expires_after(std::chrono::seconds(15));
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code problem, std::size_t) { self->answer(problem); });
  }

 private:
  void answer(beast::error_code problem) {
    if (problem == http::error::end_of_stream || problem == beast::error::timeout ||
        problem == asio::error::operation_aborted || problem == asio::error::connection_reset)
      return close();
    if (problem) {
      const bool large = problem == http::error::header_limit;
      version_ = 11;
      keep_ = head_ = false;
      return send({large ? 431u : 400u, "text/plain; charset=utf-8",
                   large ? "the request's headers are too large\n" : "this is no request\n"});
    }
    const auto& request = parser_->get();
    version_ = request.version();
    keep_ = request.keep_alive();
    head_ = request.method() == http::verb::head;
    send(answer_to(request));
  }

  Answer answer_to(const http::request<http::empty_body>& request) try {
    const std::string& token = service_.options.token;
    if (token.empty() &&
        !is_loopback_host({request[http::field::host].data(), request[http::field::host].size()}, port_))
      return {403, "text/plain; charset=utf-8",
              "this name is not served here; take the link that flowrun view printed\n"};
    std::string path(request.target());
    if (!token.empty()) {
      const std::size_t end = path.find('/', 1);
      if (path.empty() || path.front() != '/' || end == std::string::npos ||
          !same_secret(std::string_view(path).substr(1, end - 1), token))
        return {403, "text/plain; charset=utf-8",
                "the link lacks its token; take the one that flowrun view printed\n"};
      path.erase(0, end);
    }
    if (request.method() != http::verb::get && request.method() != http::verb::head)
      return {405, "text/plain; charset=utf-8",
              "nothing can be changed here; only GET and HEAD are answered\n"};
    return service_.answer(path);
  } catch (const std::exception& problem) {
    return {500, "text/plain; charset=utf-8", fmt::format("{}\n", problem.what())};
  }

  void send(Answer answer) {
    if (answer.events) return send_events(std::move(answer));
    if (answer.file.empty()) return send_body(std::move(answer));
    // A link may have been put in the file's place since the folder was listed.
    const int descriptor = ::open(answer.file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct ::stat facts {};
    if (descriptor < 0 || ::fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) {
      if (descriptor >= 0) ::close(descriptor);
      return send_body({404, "text/plain; charset=utf-8",
                        fmt::format("{} cannot be read, or is no file\n", answer.file.filename().string())});
    }
    http::file_body::value_type file;
    beast::error_code problem;
    beast::file opened;
    opened.native_handle(descriptor);
    file.reset(std::move(opened), problem);
    if (head_) {
      answer.body.clear();
      return write(header<http::empty_body>(answer), static_cast<std::uint64_t>(facts.st_size));
    }
    auto message = header<http::file_body>(answer);
    message->body() = std::move(file);
    write(std::move(message), static_cast<std::uint64_t>(facts.st_size));
  }

  /// Their end is the connection's.
  void send_events(Answer answer) {
    keep_ = false;
    listens_ = true;
    if (++service_.listeners > most_listeners)
      return send_body({503, "text/plain; charset=utf-8", "as many pages listen as are served\n"});
    events_ = std::move(answer.events);
    const auto message = header<http::empty_body>(answer);
    stream_.expires_after(std::chrono::seconds(60));
    http::async_write(stream_, *message,
                      [self = shared_from_this(), message](beast::error_code problem, std::size_t) {
                        if (problem || self->head_) return self->close();
                        self->watch();
                        self->next_event();
                      });
  }

  /// A client that is gone is seen at once: it has nothing more to say.
  void watch() {
    stream_.expires_never();
    stream_.async_read_some(buffer_.prepare(1), [self = shared_from_this()](beast::error_code, std::size_t) {
      self->end_events();
    });
  }

  void next_event() {
    if (!events_) return;
    std::optional<std::string> text;
    try {
      text = events_();
    } catch (const std::exception&) {
      // Ends as if there were no more: the status line has long been sent.
    }
    if (!text) return end_events();
    if (text->empty()) return next_event_later();
    const auto sent = std::make_shared<const std::string>(std::move(*text));
    stream_.expires_after(std::chrono::seconds(60));
    asio::async_write(stream_, asio::buffer(*sent),
                      [self = shared_from_this(), sent](beast::error_code problem, std::size_t) {
                        problem ? self->end_events() : self->next_event_later();
                      });
  }

  void next_event_later() {
    next_.expires_after(std::chrono::seconds(1));
    next_.async_wait([self = shared_from_this()](beast::error_code problem) {
      if (!problem) self->next_event();
    });
  }

  void end_events() {
    events_ = nullptr;
    next_.cancel();
    stream_.close();
  }

  void send_body(Answer answer) {
    const std::uint64_t bytes = answer.body.size();
    if (head_) return write(header<http::empty_body>(answer), bytes);
    auto message = header<http::string_body>(answer);
    message->body() = std::move(answer.body);
    write(std::move(message), bytes);
  }

  template <class Body>
  std::shared_ptr<http::response<Body>> header(const Answer& answer) const {
    auto message = std::make_shared<http::response<Body>>();
    message->result(answer.status);
    message->version(version_);
    message->set(http::field::content_type, answer.type);
    message->set(http::field::cache_control, "no-store");
    message->set(  // data: is the empty picture that Leaflet gives tiles that it lets go
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    message->set("X-Content-Type-Options", "nosniff");
    message->set("Referrer-Policy", "no-referrer");
    message->set("Cross-Origin-Resource-Policy", "same-origin");
    if (answer.status == 405) message->set(http::field::allow, "GET, HEAD");
    message->keep_alive(keep_);
    return message;
  }

  template <class Body>
  void write(std::shared_ptr<http::response<Body>> message, std::uint64_t bytes) {
    message->content_length(bytes);
    stream_.expires_after(std::chrono::seconds(60));
    http::response<Body>& sent = *message;
    http::async_write(stream_, sent,
                      [self = shared_from_this(), message](beast::error_code problem, std::size_t) {
                        if (!problem && self->keep_) return self->read();
                        self->close();
                      });
  }

  void close() {
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream stream_;
  Service& service_;
  const std::uint16_t port_;
  beast::flat_buffer buffer_{most_header_bytes * 2};
  std::optional<http::request_parser<http::empty_body>> parser_;
  unsigned version_ = 11;
  bool keep_ = false, head_ = false;
  bool listens_ = false;
  std::function<std::optional<std::string>()> events_;
  asio::steady_timer next_{stream_.get_executor()};
};

void accept(asio::io_context& context, tcp::acceptor& acceptor, Service& service) {
  acceptor.async_accept(asio::make_strand(context), [&](beast::error_code problem, tcp::socket socket) {
    if (problem == asio::error::operation_aborted) return;
    if (!problem && service.connections < most_connections) {
      try {
        std::make_shared<Connection>(std::move(socket), service)->read();
      } catch (const boost::system::system_error&) {
        // It was gone before it was looked at.
      }
    }
    accept(context, acceptor, service);
  });
}

}  // namespace

void serve_http(const HttpOptions& options, const std::function<Answer(const std::string&)>& answer,
                const std::function<void(const std::string&)>& listening) {
  Service service{options, answer};
  asio::io_context context;
  tcp::acceptor acceptor(context);
  try {
    const tcp::endpoint endpoint(asio::ip::make_address(options.address), options.port);
    acceptor.open(endpoint.protocol());
    acceptor.set_option(asio::socket_base::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
  } catch (const boost::system::system_error& problem) {
    throw Error(fmt::format(
        "{} port {} cannot be listened at: {}; give another --port or --host (an IP address of this machine)",
        options.address, options.port, problem.code().message()));
  }
  asio::signal_set ended(context, SIGINT, SIGTERM);
  ended.async_wait([&](beast::error_code, int) { context.stop(); });
  const std::string host =
      acceptor.local_endpoint().address().is_v6() ? "[" + options.address + "]" : options.address;
  listening(fmt::format("http://{}:{}/{}", host, acceptor.local_endpoint().port(),
                        options.token.empty() ? "" : options.token + "/"));
  accept(context, acceptor, service);
  std::vector<std::jthread> threads;
  for (int i = 1; i < options.threads; ++i) threads.emplace_back([&] { context.run(); });
  context.run();
}

}  // namespace flowrun::view
