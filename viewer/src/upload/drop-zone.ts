// Where files are dropped; buttons do the same for those who use no mouse.
import { byId } from "../dom.ts";
import type { Part } from "./datasets.ts";
import { chosenParts, droppedParts } from "./dropped.ts";

export class DropZone {
  private readonly zone = byId("drop-zone");

  constructor(
    private readonly take: (parts: Part[]) => void,
    private readonly failed: (error: unknown) => void,
  ) {
    this.wirePicker("pick", "pick-input");
    this.wirePicker("pick-folder", "folder-input");
    // a file that misses the zone would replace the page
    for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
    window.addEventListener("dragover", () => this.zone.classList.add("over"));
    window.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) this.zone.classList.remove("over");
    });
    window.addEventListener("drop", (event) => void this.drop(event));
  }

  private async drop(event: DragEvent): Promise<void> {
    this.zone.classList.remove("over");
    if (!event.dataTransfer || this.zone.closest("[hidden]")) return;
    await droppedParts(event.dataTransfer).then(this.take, this.failed);
  }

  private wirePicker(button: string, input: string): void {
    const chooser = byId<HTMLInputElement>(input);
    byId(button).addEventListener("click", () => chooser.click());
    chooser.addEventListener("change", () => {
      if (chooser.files) this.take(chosenParts(chooser.files));
      chooser.value = ""; // so that the same file can be chosen again
    });
  }
}
