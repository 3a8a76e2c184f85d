// SPDX-License-Identifier: Apache-2.0
#include "unpickler.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "pickle_stack.h"
#include "pickled_tensor.h"

namespace flowrun::torch_nodes {
namespace {

using c10::IValue;
using Items = PickleStack::Items;

/// No real file comes near it. An instruction of one byte makes up to 16 that stay.
constexpr std::size_t most_bytes = std::size_t{4} << 20;

class Unpickler {
 public:
  Unpickler(std::string_view pickle, const StorageReader& storage) : in_(pickle), storage_(storage) {}

  IValue read() {
    if (in_.size() > most_bytes)
      fail(fmt::format("it has {} bytes, expected at most {}", in_.size(), most_bytes));
    while (step()) continue;
    return stack_.pop().value;
  }

 private:
  [[noreturn]] static void fail(const std::string& what) { throw broken_pickle(what); }

  template <class T>
  T number() {
    T out;
    std::memcpy(&out, bytes(sizeof out).data(), sizeof out);
    return out;
  }
  double big_endian_double() {
    std::uint64_t bits = 0;
    for (const unsigned char byte : bytes(8)) bits = bits << 8 | byte;
    return std::bit_cast<double>(bits);
  }
  std::string_view bytes(std::size_t count) {
    if (count > in_.size() - at_) fail("it ends too early");
    const auto out = in_.substr(at_, count);
    at_ += count;
    return out;
  }
  std::string line() {
    const auto end = in_.find('\n', at_);
    if (end == std::string_view::npos) fail("it ends too early");
    std::string out(in_.substr(at_, end - at_));
    at_ = end + 1;
    return out;
  }

  void push(IValue value) { stack_.push({std::move(value)}); }
  void push_tuple(Items items) {
    stack_.push_container({});
    stack_.begin_change(items);
    std::vector<IValue> values;
    // The type of a storage stands in a tuple; it is the only class that does.
    for (PickleItem& item : items)
      values.push_back(item.global.empty() ? std::move(item.value) : IValue(std::move(item.global)));
    stack_.top().value = c10::ivalue::Tuple::create(std::move(values));
  }
  void append(Items items) {
    if (!stack_.top().value.isList()) return;  // of an object that became None
    stack_.begin_change(items);
    auto list = stack_.top().value.toList();
    for (PickleItem& item : items) list.push_back(std::move(item.value));
  }
  void set(Items items) {
    if (!stack_.top().value.isGenericDict()) return;
    if (items.size() % 2) fail("a key without a value");
    stack_.begin_change(items);
    auto dict = stack_.top().value.toGenericDict();
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const IValue& key = items[i].value;
      if (key.isString() || key.isInt()) dict.insert_or_assign(key, std::move(items[i + 1].value));
    }
  }
  static IValue empty_dict() { return c10::impl::GenericDict(c10::AnyType::get(), c10::AnyType::get()); }

  void load_storage() {
    const auto tuple = stack_.pop().value.toTuple();
    const auto parts = tuple->elements().vec();
    if (parts.size() < 5 || parts[0].toStringRef() != "storage") fail("an unknown kind of persistent value");
    const at::ScalarType type = storage_type(parts[1].toStringRef());
    auto& known = storages_[parts[2].toStringRef()];
    if (!known.defined()) known = storage_(parts[2].toStringRef(), type, parts[4].toInt());
    push(known);
  }

  void reduce() {
    const PickleItem arguments = stack_.pop();
    const PickleItem function = stack_.pop();
    const std::string& name = function.global;
    const bool tuple = arguments.value.isTuple();
    const auto first = [&]() -> IValue {
      if (!tuple || arguments.value.toTupleRef().elements().empty()) fail(name + " without arguments");
      return arguments.value.toTupleRef().elements()[0];
    };
    if (name == "collections OrderedDict")
      stack_.push_container(empty_dict());
    else if (name == "torch._utils _rebuild_tensor_v2" && tuple)
      push(rebuilt_tensor(arguments.value.toTupleRef().elements()));
    else if (name == "torch._utils _rebuild_parameter" || name == "torch Size" ||
             name.starts_with("torch.jit._pickle "))
      stack_.push({.value = first(), .complete = true, .depth = arguments.depth});
    else
      push(IValue());
  }

  void read_long() {
    const auto digits = bytes(number<std::uint8_t>());
    if (digits.size() > 8) return push(IValue());  // larger than any number that we need
    std::uint64_t bits = !digits.empty() && (digits.back() & 0x80) ? ~std::uint64_t{0} : 0;
    std::memcpy(&bits, digits.data(), digits.size());
    push(static_cast<std::int64_t>(bits));
  }

  /// False after the last instruction.
  bool step() {
    switch (static_cast<unsigned char>(bytes(1)[0])) {
      case 0x80:  // PROTO
        if (const int protocol = number<std::uint8_t>(); protocol != 2)
          throw Error(fmt::format("pickle protocol {} instead of 2", protocol));
        break;
      case '.':
        return false;
      case '(':
        stack_.push({{}, {}, true});
        break;
      case '0':
        stack_.pop();
        break;
      case 'N':
        push(IValue());
        break;
      case 0x88:
      case 0x89:
        push(in_[at_ - 1] == '\x88');
        break;
      case 'J':
        push(std::int64_t{number<std::int32_t>()});
        break;
      case 'K':
        push(std::int64_t{number<std::uint8_t>()});
        break;
      case 'M':
        push(std::int64_t{number<std::uint16_t>()});
        break;
      case 0x8a:  // LONG1
        read_long();
        break;
      case 'G':
        push(big_endian_double());
        break;
      case 'X':  // BINUNICODE
      case 'T':  // BINSTRING
        push(std::string(bytes(number<std::uint32_t>())));
        break;
      case 'U':  // SHORT_BINSTRING
        push(std::string(bytes(number<std::uint8_t>())));
        break;
      case ']':
        stack_.push_container(c10::impl::GenericList(c10::AnyType::get()));
        break;
      case 'a':
        append(stack_.pop_last(1));
        break;
      case 'e': {
        auto items = stack_.pop_to_mark();
        append(std::move(items));
        break;
      }
      case ')':
        push_tuple({});
        break;
      case 't':
        push_tuple(stack_.pop_to_mark());
        break;
      case 0x85:
      case 0x86:
      case 0x87:
        push_tuple(stack_.pop_last(static_cast<unsigned char>(in_[at_ - 1]) - 0x84u));
        break;
      case '}':
        stack_.push_container(empty_dict());
        break;
      case 's': {
        auto items = stack_.pop_last(2);
        set(std::move(items));
        break;
      }
      case 'u': {
        auto items = stack_.pop_to_mark();
        set(std::move(items));
        break;
      }
      case 'c': {
        const std::string module = line();
        constexpr std::size_t most = 100;  // those known are shorter, and copies are made of it
        stack_.push({{}, (module + " " + line()).substr(0, most)});
        break;
      }
      case 'Q':  // BINPERSID
        load_storage();
        break;
      case 'R':
      case 0x81:  // NEWOBJ
        reduce();
        break;
      case 'b':  // BUILD: attributes, such as a state dict's versions
        stack_.pop();
        break;
      case 'q':
        stack_.memorise(number<std::uint8_t>());
        break;
      case 'r':
        stack_.memorise(number<std::uint32_t>());
        break;
      case 'h':
        stack_.recall(number<std::uint8_t>());
        break;
      case 'j':
        stack_.recall(number<std::uint32_t>());
        break;
      default:
        fail(fmt::format("unknown instruction {:#x}", static_cast<unsigned char>(in_[at_ - 1])));
    }
    return true;
  }

  std::string_view in_;
  std::size_t at_ = 0;
  const StorageReader& storage_;
  PickleStack stack_;
  std::map<std::string, at::Tensor> storages_;
};

}  // namespace

IValue unpickle(std::string_view pickle, const StorageReader& storage) {
  return Unpickler(pickle, storage).read();
}

}  // namespace flowrun::torch_nodes
