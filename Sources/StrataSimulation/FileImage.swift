/// One image of a file's bytes: its size, and its pages.
///
/// Pages are shared between images until one of them is written, so that copying an image is cheap.
/// Invariants: there is no page behind the end, and the last page holds zeros behind it.
struct FileImage: Hashable, Sendable {
  private(set) var size = 0
  private(set) var pages: [Page?] = []

  init() {}

  init(_ bytes: [UInt8]) {
    write(bytes.span, at: 0)
  }

  /// Where the pages of a file of `size` bytes end.
  static func pageCount(_ size: Int) -> Int {
    (size + Page.size - 1) / Page.size
  }

  /// The pages that `range` touches.
  static func pageRange(_ range: Range<Int>) -> Range<Int> {
    range.isEmpty ? 0..<0 : range.lowerBound / Page.size..<pageCount(range.upperBound)
  }

  func page(_ index: Int) -> Page? {
    index < pages.count ? pages[index] : nil
  }

  /// Calls `body` for each page that `range` touches: its bytes, the part within it, and that part's position
  /// in the file.
  func forEachPage(in range: Range<Int>, _ body: (Page?, Range<Int>, Int) -> Void) {
    for index in Self.pageRange(range) {
      let start = index * Page.size
      let part = (start..<start + Page.size).clamped(to: range)
      body(page(index), part.lowerBound - start..<part.upperBound - start, part.lowerBound)
    }
  }

  /// Reads as many bytes as there are; returns how many.
  func read(into buffer: inout MutableSpan<UInt8>, at position: Int) -> Int {
    guard position < size, !buffer.isEmpty else { return 0 }
    let range = position..<position + min(buffer.count, size - position)
    forEachPage(in: range) { page, within, at in
      buffer.replace(at: at - position, with: page, within)
    }
    return range.count
  }

  /// All bytes.
  var bytes: [UInt8] {
    var all = [UInt8](repeating: 0, count: size)
    var span = all.mutableSpan
    _ = read(into: &span, at: 0)
    return all
  }

  mutating func write(_ bytes: Span<UInt8>, at position: Int) {
    guard !bytes.isEmpty else { return }
    let end = position + bytes.count
    let pageCount = Self.pageCount(end)
    if pages.count < pageCount {
      pages.append(contentsOf: repeatElement(nil, count: pageCount - pages.count))
    }
    for index in Self.pageRange(position..<end) {
      let start = index * Page.size
      let part = (start..<start + Page.size).clamped(to: position..<end)
      // Taken out for the change, so that a page held by nobody else is changed in place.
      var page = pages[index].take() ?? .zeros
      let source = part.lowerBound - position..<part.upperBound - position
      page.replace(at: part.lowerBound - start, with: bytes, source)
      pages[index] = page
    }
    size = max(size, end)
  }

  /// Cuts, or grows with zeros.
  mutating func resize(to newSize: Int) {
    if newSize < size {
      let pageCount = Self.pageCount(newSize)
      if pages.count > pageCount {
        pages.removeLast(pages.count - pageCount)
      }
      let tail = newSize % Page.size
      if tail != 0, pages.count == pageCount, var page = pages[pageCount - 1].take() {
        page.zero(from: tail)
        pages[pageCount - 1] = page
      }
    }
    size = newSize
  }

  /// Puts a page in place of another. What lies behind the end of the file becomes zeros.
  mutating func setPage(_ index: Int, _ page: Page?) {
    let start = index * Page.size
    guard start < size else { return }
    if pages.count <= index {
      guard page != nil else { return }
      pages.append(contentsOf: repeatElement(nil, count: index + 1 - pages.count))
    }
    pages[index] = page
    if size - start < Page.size, pages[index] != nil {
      pages[index]!.zero(from: size - start)
    }
  }
}
