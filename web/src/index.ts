// The browser half of Greenroom: two elements, and the function that draws a crop.

import "./styles/base.css";
import "./styles/cards.css";
import "./styles/editor.css";
import { GreenroomCrop } from "./editor";
import { GreenroomUpload } from "./element";

if (!customElements.get("greenroom-upload")) {
  customElements.define("greenroom-crop", GreenroomCrop);
  customElements.define("greenroom-upload", GreenroomUpload);
}

export { drawPart } from "./pictures";
