// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "output/part.h"

namespace flowrun {

/// What is to become of a scope in one folder, as it is written in `.flowrun/publishing/`.
struct Intent {
  nlohmann::json entry;                        ///< with its units and the publication's id
  std::vector<std::string> remove;             ///< units of the entry before that are made no more
  std::filesystem::path folder;                ///< where it was written
  std::vector<std::filesystem::path> folders;  ///< all that take part in the publication
  /// The publication of the entry that it is to replace, empty when there was none; unset: not known.
  std::optional<std::string> before;

  nlohmann::json to_json() const;
  static Intent from_json(const nlohmann::json& json);
};

/// Units that an entry names ("outputs" or "handed_on"); none that lie outside of the folder.
std::vector<std::string> units_of(const nlohmann::json& entry, const char* which = "outputs");

/// Tells publications apart, also of the same scope; empty when there is none.
std::string publication_of(const nlohmann::json& entry);

/// Both were written by the same publication.
bool same_publication(const nlohmann::json& entry, const nlohmann::json& other);

/// The files of an output folder's `.flowrun/`, and the steps that a scope takes there:
///
///   done/NAME.json            the scope NAME is whole: its identity, the plan, its counts, its units
///   staging/NAME/             what it is writing
///   publishing/NAME.draft     its intent, which may not be on the disk yet
///   publishing/NAME.entry     its next entry
///   publishing/NAME.json      its intent: all that it needs is on the disk
///   publishing/NAME.agreed    its intent: every folder of the publication had its own
///
/// Runs of parts, and ranks, share done/; staging/ and publishing/ each has in a room of its own (see
/// room_of()).
/// Each step can be repeated after it was broken off anywhere.
class Journal {
 public:
  explicit Journal(const std::filesystem::path& folder, Room room = {});

  const std::filesystem::path& folder() const { return folder_; }
  const Room& room() const { return room_; }
  /// Of the room.
  std::filesystem::path at(const char* name) const { return root_ / room_ / name; }
  std::filesystem::path done() const { return root_ / "done"; }
  /// Of all runs that there were.
  std::vector<Room> rooms() const;
  std::filesystem::path staging(const std::string& scope) const;
  /// Null when there is none, discarded when it is torn. Throws Error when it cannot be read.
  nlohmann::json entry(const std::string& scope) const;
  void write_entry(const std::string& scope, const nlohmann::json& entry) const;
  std::vector<std::string> done_scopes() const;

  void draft(const std::string& scope, const Intent& intent) const;
  void intend(const std::string& scope) const;
  void agree(const std::string& scope) const;
  /// Puts the units into place, then the entry. `before_entry` is called between the two.
  template <class F>
  void complete(const std::string& scope, const Intent& intent, F&& before_entry) const {
    move_units(scope, intent);
    before_entry();
    enter(scope, intent.entry);
    clear(scope);
  }
  /// Leaves the entry before and its units as they are.
  void roll_back(const std::string& scope) const;
  /// An intent is left that the next run may have to complete.
  bool has_intent(const std::string& scope) const;
  /// This publication has got as far here as its intent.
  bool has_part_in(const std::string& scope, const nlohmann::json& entry) const;

 private:
  std::filesystem::path publishing(const std::string& scope, const char* step) const;
  void move_units(const std::string& scope, const Intent& intent) const;
  void put_in_place(const std::filesystem::path& staged, const std::filesystem::path& place) const;
  void enter(const std::string& scope, const nlohmann::json& entry) const;
  void clear(const std::string& scope) const;

  std::filesystem::path folder_;
  std::filesystem::path root_;
  Room room_;
};

}  // namespace flowrun
