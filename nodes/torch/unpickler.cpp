// SPDX-License-Identifier: Apache-2.0
#include "unpickler.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "pickle_item.h"
#include "pickled_tensor.h"

namespace flowrun::torch_nodes {
namespace {

using c10::IValue;

using Item = PickleItem;

class Unpickler {
 public:
  Unpickler(std::string_view pickle, const StorageReader& storage) : in_(pickle), storage_(storage) {}

  IValue read() {
    while (step()) continue;
    return pop().value;
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

  void push(IValue value) { stack_.push_back({std::move(value)}); }
  /// A list or dict to be filled, or an object to be given attributes.
  void push_empty(IValue value) {
    stack_.push_back({std::move(value), {}, false, std::make_shared<Nesting>()});
  }
  Item pop() {
    if (stack_.empty()) fail("a value is missing");
    Item out = std::move(stack_.back());
    stack_.pop_back();
    return out;
  }
  Item& top() {
    if (stack_.empty()) fail("a value is missing");
    return stack_.back();
  }
  std::vector<Item> pop_to_mark() {
    auto from = stack_.size();
    while (from > 0 && !stack_[from - 1].mark) --from;
    if (from == 0) fail("a mark is missing");
    std::vector<Item> out(std::make_move_iterator(stack_.begin() + static_cast<std::ptrdiff_t>(from)),
                          std::make_move_iterator(stack_.end()));
    stack_.resize(from - 1);
    return out;
  }
  std::vector<Item> pop_last(std::size_t count) {
    std::vector<Item> out(count);
    for (auto it = out.rbegin(); it != out.rend(); ++it) *it = pop();
    return out;
  }

  void push_tuple(std::vector<Item> items) {
    const auto nesting = std::make_shared<Nesting>();
    hold(items, *nesting);
    std::vector<IValue> values;
    // The type of a storage stands in a tuple; it is the only class that does.
    for (Item& item : items)
      values.push_back(item.global.empty() ? std::move(item.value) : IValue(std::move(item.global)));
    stack_.push_back({c10::ivalue::Tuple::create(std::move(values)), {}, false, nesting});
  }
  void append(std::vector<Item> items) {
    if (!top().value.isList()) return;  // of an object that became None
    hold(items, *top().nesting);
    auto list = top().value.toList();
    for (Item& item : items) list.push_back(std::move(item.value));
  }
  void set(std::vector<Item> items) {
    if (!top().value.isGenericDict()) return;
    if (items.size() % 2) fail("a key without a value");
    hold(items, *top().nesting);
    auto dict = top().value.toGenericDict();
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const IValue& key = items[i].value;
      if (key.isString() || key.isInt()) dict.insert_or_assign(key, std::move(items[i + 1].value));
    }
  }
  void push_dict() { push_empty(c10::impl::GenericDict(c10::AnyType::get(), c10::AnyType::get())); }

  void load_storage() {
    const auto tuple = pop().value.toTuple();
    const auto& parts = tuple->elements();
    if (parts.size() < 5 || parts[0].toStringRef() != "storage") fail("an unknown kind of persistent value");
    const at::ScalarType type = storage_type(parts[1].toStringRef());
    auto& known = storages_[parts[2].toStringRef()];
    if (!known.defined()) known = storage_(parts[2].toStringRef(), type, parts[4].toInt());
    push(known);
  }

  void reduce() {
    const Item arguments = pop();
    const Item function = pop();
    const std::string& name = function.global;
    const bool tuple = arguments.value.isTuple();
    const auto first = [&]() -> IValue {
      if (!tuple || arguments.value.toTupleRef().elements().empty()) fail(name + " without arguments");
      return arguments.value.toTupleRef().elements()[0];
    };
    if (name == "collections OrderedDict")
      push_dict();
    else if (name == "torch._utils _rebuild_tensor_v2" && tuple)
      push(rebuilt_tensor(arguments.value.toTupleRef().elements()));
    else if (name == "torch._utils _rebuild_parameter" || name == "torch Size" ||
             name.starts_with("torch.jit._pickle ")) {
      stack_.push_back({first(), {}, false, arguments.nesting});
      arguments.nesting->held = true;  // as what it holds is
    } else {
      push_empty({});
    }
  }

  void memorise(std::size_t key) { memory_[key] = top(); }
  void recall(std::size_t key) {
    const auto found = memory_.find(key);
    if (found == memory_.end()) fail("a value that was not kept");
    stack_.push_back(found->second);
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
        stack_.push_back({{}, {}, true});
        break;
      case '0':
        pop();
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
        push_empty(c10::impl::GenericList(c10::AnyType::get()));
        break;
      case 'a':
        append(pop_last(1));
        break;
      case 'e': {
        auto items = pop_to_mark();
        append(std::move(items));
        break;
      }
      case ')':
        push_tuple({});
        break;
      case 't':
        push_tuple(pop_to_mark());
        break;
      case 0x85:
      case 0x86:
      case 0x87:
        push_tuple(pop_last(static_cast<unsigned char>(in_[at_ - 1]) - 0x84u));
        break;
      case '}':
        push_dict();
        break;
      case 's': {
        auto items = pop_last(2);
        set(std::move(items));
        break;
      }
      case 'u': {
        auto items = pop_to_mark();
        set(std::move(items));
        break;
      }
      case 'c': {
        const std::string module = line();
        stack_.push_back({{}, module + " " + line()});
        break;
      }
      case 'Q':  // BINPERSID
        load_storage();
        break;
      case 'R':
      case 0x81:  // NEWOBJ
        reduce();
        break;
      case 'b': {  // BUILD: attributes, such as a state dict's versions
        const auto attributes = pop_last(1);
        if (top().nesting) hold(attributes, *top().nesting);
        break;
      }
      case 'q':
        memorise(number<std::uint8_t>());
        break;
      case 'r':
        memorise(number<std::uint32_t>());
        break;
      case 'h':
        recall(number<std::uint8_t>());
        break;
      case 'j':
        recall(number<std::uint32_t>());
        break;
      default:
        fail(fmt::format("unknown instruction {:#x}", static_cast<unsigned char>(in_[at_ - 1])));
    }
    return true;
  }

  std::string_view in_;
  std::size_t at_ = 0;
  const StorageReader& storage_;
  std::vector<Item> stack_;
  std::map<std::size_t, Item> memory_;
  std::map<std::string, at::Tensor> storages_;
};

}  // namespace

IValue unpickle(std::string_view pickle, const StorageReader& storage) {
  return Unpickler(pickle, storage).read();
}

}  // namespace flowrun::torch_nodes
