internal import BenchmarkKit
internal import Glibc

/// Does a fixed amount of work on one hot path, for `Scripts/guard`, which counts the instructions of two runs that
/// differ in nothing but how often the work is done.
///
///     strata-guard PATH TIMES DIRECTORY     prints how many records TIMES of it are
///     strata-guard list                     the names of the paths, one a line
@main
enum Main {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      if arguments == ["list"] {
        for path in HotPath.allCases { Output.line(path.rawValue) }
        return
      }
      guard arguments.count == 3, let path = HotPath(rawValue: arguments[0]), let times = Int(arguments[1]),
        times > 0
      else {
        throw BenchmarkError("usage: strata-guard \(HotPath.allCases.map(\.rawValue)) TIMES DIRECTORY | list")
      }
      let directory = try WorkDirectory(below: arguments[2])
      defer { directory.remove() }
      Output.line(String(try path.run(in: directory, times: times)))
    } catch {
      Output.error("strata-guard: \(error)")
      exit(2)
    }
  }
}
