// SPDX-License-Identifier: Apache-2.0
#include "h5_driver.h"

#include <H5Cpp.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace flowrun::wsi {
namespace {

/// What fapl properties carry to open().
struct DriverInfo {
  H5WriteFailure* failure;
};

/// A file as the library knows it; H5FD_t comes first, by its convention.
struct File {
  H5FD_t base{};
  int descriptor = -1;
  haddr_t eoa = 0, eof = 0;
  H5WriteFailure* failure = nullptr;
  std::vector<std::pair<haddr_t, std::vector<char>>> unwritten = {};  // since the failure, in order

  ~File() {
    if (descriptor >= 0) ::close(descriptor);
  }
  bool check(bool good) {
    if (!good && failure->code == 0) failure->code = errno;
    return good;
  }
};

File& file_of(H5FD_t* file) {
  return *reinterpret_cast<File*>(file);
}
const File& file_of(const H5FD_t* file) {
  return *reinterpret_cast<const File*>(file);
}

H5FD_t* open(const char* name, unsigned flags, hid_t access, haddr_t) try {
  const auto* info = static_cast<const DriverInfo*>(H5Pget_driver_info(access));
  if (!info || !(flags & H5F_ACC_TRUNC)) return nullptr;
  auto file = std::make_unique<File>();
  file->failure = info->failure;
  file->descriptor = ::open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (!file->check(file->descriptor >= 0)) return nullptr;
  return &file.release()->base;
} catch (...) {
  return nullptr;
}

herr_t close(H5FD_t* opened) {
  const std::unique_ptr<File> file(&file_of(opened));
  file->check(::close(std::exchange(file->descriptor, -1)) == 0);
  return 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t get_eoa(const H5FD_t* file, H5FD_mem_t) {
  return file_of(file).eoa;
}
herr_t set_eoa(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  file_of(file).eoa = address;
  return 0;
}
haddr_t get_eof(const H5FD_t* file, H5FD_mem_t) {
  return file_of(file).eof;
}

bool write_all(int to, haddr_t address, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ::ssize_t done = ::pwrite(to, bytes, size, static_cast<::off_t>(address));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes += done;
    address += static_cast<haddr_t>(done);
    size -= static_cast<std::size_t>(done);
  }
  return true;
}

herr_t write(H5FD_t* opened, H5FD_mem_t, hid_t, haddr_t address, std::size_t size, const void* buffer) try {
  File& file = file_of(opened);
  const char* const bytes = static_cast<const char*>(buffer);
  if (file.failure->code != 0 || !file.check(write_all(file.descriptor, address, bytes, size)))
    file.unwritten.emplace_back(address, std::vector<char>(bytes, bytes + size));
  file.eof = std::max(file.eof, address + size);
  return 0;
} catch (...) {
  return -1;
}

herr_t read(H5FD_t* opened, H5FD_mem_t, hid_t, haddr_t address, std::size_t size, void* buffer) {
  const File& file = file_of(opened);
  char* const bytes = static_cast<char*>(buffer);
  std::size_t got = 0;
  while (got < size) {
    const ::ssize_t done =
        ::pread(file.descriptor, bytes + got, size - got, static_cast<::off_t>(address + got));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return -1;
    if (done == 0) break;
    got += static_cast<std::size_t>(done);
  }
  std::memset(bytes + got, 0, size - got);  // as what was never written reads
  for (const auto& [start, kept] : file.unwritten) {
    const haddr_t from = std::max(start, address), to = std::min(start + kept.size(), address + size);
    if (from < to) std::memcpy(bytes + (from - address), kept.data() + (from - start), to - from);
  }
  return 0;
}

herr_t truncate(H5FD_t* opened, hid_t, hbool_t) {
  File& file = file_of(opened);
  if (file.failure->code == 0) file.check(::ftruncate(file.descriptor, static_cast<::off_t>(file.eoa)) == 0);
  file.eof = file.eoa;
  return 0;
}

hid_t register_driver() {
  static H5FD_class_t driver = [] {
    H5FD_class_t made{};
#ifdef H5FD_CLASS_VERSION  // since HDF5 1.14, which wants to know what it is given
    made.version = H5FD_CLASS_VERSION;
    made.value = H5_VFD_RESERVED;  // the first of those that no driver of HDF5's has
#endif
    made.name = "flowrun";
    made.maxaddr = static_cast<haddr_t>(std::numeric_limits<::off_t>::max());
    made.fc_degree = H5F_CLOSE_WEAK;
    made.fapl_size = sizeof(DriverInfo);
    made.open = open;
    made.close = close;
    made.query = query;
    made.get_eoa = get_eoa;
    made.set_eoa = set_eoa;
    made.get_eof = get_eof;
    made.read = read;
    made.write = write;
    made.truncate = truncate;
    constexpr H5FD_mem_t types[] = H5FD_FLMAP_DICHOTOMY;
    std::copy(std::begin(types), std::end(types), made.fl_map);
    return made;
  }();
  return H5FDregister(&driver);
}

}  // namespace

void use_safe_driver(hid_t access_properties, H5WriteFailure& failure) {
  static const hid_t driver = register_driver();
  const DriverInfo info{&failure};
  if (H5Pset_driver(access_properties, driver, &info) < 0)
    throw H5::PropListIException("H5Pset_driver", "the driver was refused");
}

}  // namespace flowrun::wsi
