"""python frames.py VIDEO: for each line on stdin, `HOW I J ...`, decodes frames I, J, ... of the video to RGB, timed, for bench/frames.ts.
HOW is `start` (decode from the start until all are there), `threads` (the same with FFmpeg's frame threads, which PyAV leaves
off) or `seek` (PyAV's seek to the keyframe before each)."""
import json, sys, time
import av

path = sys.argv[1]
print(json.dumps({"ready": True, "versions": {"av": av.__version__}}), flush=True)


def from_start(container, stream, wanted):
    frames, left = [], set(wanted)
    for index, frame in enumerate(container.decode(stream)):
        if index in left:
            frames.append(frame.to_ndarray(format="rgb24"))
            left.remove(index)
            if not left:
                break
    return frames


def by_seeking(container, stream, wanted):
    frames = []
    for index in wanted:
        time_of = round(index / stream.average_rate / stream.time_base)
        container.seek(time_of, stream=stream)
        for frame in container.decode(stream):
            if frame.pts >= time_of:
                frames.append(frame.to_ndarray(format="rgb24"))
                break
    return frames


for line in sys.stdin:
    how, *indices = line.split()
    started = time.perf_counter()
    with av.open(path) as container:
        stream = container.streams.video[0]
        if how == "threads":
            stream.thread_type = "AUTO"
        frames = (by_seeking if how == "seek" else from_start)(container, stream, [int(i) for i in indices])
    print(json.dumps({"seconds": time.perf_counter() - started, "frames": len(frames), "mean": float(sum(f.mean() for f in frames) / len(frames))}), flush=True)
