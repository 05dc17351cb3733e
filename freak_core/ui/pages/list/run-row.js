// One row of the list. It is drawn again only if something in it has changed: a list may have a thousand.

import { Component, html } from "../dashboard/vendor.js";
import { ending, isBroken } from "../runs/row.js";
import { COLUMNS } from "./columns.js";
import { selectTo } from "./selection.js";

/** @import { Row } from "../runs/row.js" */

/** @typedef {{row: Row, metric: string, selected: boolean, minute: number}} RowProps `minute`: when times such as "3 min ago" were right */

/** @extends {Component<RowProps>} */
export class RunRow extends Component {
  /** @param {RowProps} next */
  shouldComponentUpdate(next) {
    const { row, metric, selected, minute } = this.props;
    return row !== next.row || metric !== next.metric || selected !== next.selected || minute !== next.minute;
  }

  render() {
    const { row, metric, selected } = this.props;
    /** @param {MouseEvent & {currentTarget: HTMLInputElement}} event */
    const click = (event) => selectTo(row, event.currentTarget.checked, event.shiftKey);
    return html`<tr class=${row.alive ? "alive" : row.phase} aria-selected=${selected}>
      <td class="select"><label><span class="unseen">Select ${row.name}</span>
        <input type="checkbox" checked=${selected} disabled=${isBroken(row)} onClick=${click} /></label></td>
      ${Object.entries(COLUMNS).map(([key, { cell, numeric }]) => (key === "name"
        ? html`<th scope="row" key=${key} class="name">${cell(row, metric)}<small>${ending(row)}</small></th>`
        : html`<td key=${key} class="${key}${numeric ? " number" : ""}">${cell(row, metric)}</td>`))}
    </tr>`;
  }
}
