import { act, renderHook } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";

import { imagePoint, screenPoint, type View } from "@/viewer/coordinates";
import { regionToJson, type RegionTool } from "@/viewer/regions";
import type { Gesture, GestureHandlers, SlideView } from "@/viewer/slideView";

import { useRegionTool } from "./useRegionTool";

function draw(tool: RegionTool) {
  const slideView = { handlers: {} as GestureHandlers };
  const [onDrawn, onStop] = [vi.fn(), vi.fn()];
  const options = {
    slideView: slideView as unknown as SlideView,
    tool,
    size: { width: 1000, height: 800 },
    leastSidePx: 70,
    onDrawn,
    onStop,
  };
  const { result } = renderHook(() => useRegionTool(options));
  const gesture = (name: keyof GestureHandlers, x: number, y: number): void => {
    const view = { scale: 1 } as View;
    const at: Gesture = { at: imagePoint(x, y), screen: screenPoint(x, y), view, claim: vi.fn() };
    act(() => slideView.handlers[name]?.(at));
  };
  const click = (...places: [number, number][]): void => places.forEach(([x, y]) => gesture("onClick", x, y));
  return { result, gesture, click, onDrawn, onStop };
}

const press = (key: string) => act(() => userEvent.keyboard(key));

describe("a polygon", () => {
  it("is closed by a double-click, whose second click is no corner of its own", () => {
    const { click, gesture, onDrawn, result } = draw("polygon");
    click([10.4, 10], [400, 10], [400, 300.6], [401, 301]);
    gesture("onDoubleClick", 401, 301);
    expect(regionToJson(onDrawn.mock.calls[0]![0])).toEqual([
      [10, 10],
      [400, 10],
      [400, 301],
    ]);
    expect(result.current).toEqual({ corners: [], isOpen: false, fault: null });
  });

  it("is closed by Enter; Backspace takes a corner back", async () => {
    const { click, onDrawn } = draw("polygon");
    click([10, 10], [400, 10], [900, 700]);
    await press("{Backspace}");
    click([400, 300]);
    await press("{Enter}");
    expect(regionToJson(onDrawn.mock.calls[0]![0])).toHaveLength(3);
  });

  it("is given up by Escape, and the next Escape puts the tool away", async () => {
    const { click, onDrawn, onStop, result } = draw("polygon");
    click([10, 10], [400, 10]);
    await press("{Escape}");
    expect(result.current.corners).toEqual([]);
    expect(onStop).not.toHaveBeenCalled();
    await press("{Escape}");
    expect(onStop).toHaveBeenCalledOnce();
    expect(onDrawn).not.toHaveBeenCalled();
  });

  it("that crosses itself stays open and says so, until its corners are put right", async () => {
    const { click, onDrawn, result } = draw("polygon");
    click([10, 10], [400, 400], [400, 10], [10, 400]);
    await press("{Enter}");
    expect(onDrawn).not.toHaveBeenCalled();
    expect(result.current).toMatchObject({ fault: "crossing", isOpen: true });
    await press("{Backspace}");
    expect(result.current.fault).toBeNull();
    await press("{Enter}");
    expect(onDrawn).toHaveBeenCalledOnce();
  });

  it("stays on the slide", async () => {
    const { click, onDrawn } = draw("polygon");
    click([-50, -50], [2000, 10], [400, 900]);
    await press("{Enter}");
    expect(regionToJson(onDrawn.mock.calls[0]![0])).toEqual([
      [0, 0],
      [1000, 10],
      [400, 800],
    ]);
  });
});

describe("a rectangle", () => {
  it("is dragged", () => {
    const { gesture, onDrawn } = draw("rectangle");
    gesture("onPress", 300, 200);
    gesture("onDrag", 100, 50);
    gesture("onDragEnd", 100, 50);
    expect(regionToJson(onDrawn.mock.calls[0]![0])).toEqual([
      [100, 50],
      [300, 50],
      [300, 200],
      [100, 200],
    ]);
  });

  it("smaller than a patch is not kept, and says why until the next one", () => {
    const { gesture, onDrawn, result } = draw("rectangle");
    gesture("onPress", 100, 100);
    gesture("onDrag", 150, 150);
    gesture("onDragEnd", 150, 150);
    expect(onDrawn).not.toHaveBeenCalled();
    expect(result.current).toEqual({ corners: [], isOpen: false, fault: "small" });
    gesture("onPress", 100, 100);
    gesture("onDrag", 300, 300);
    expect(result.current.fault).toBeNull();
  });
});
