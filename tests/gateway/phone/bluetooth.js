// Web Bluetooth's edge, with a kiosk behind it that the test runs: what is written goes to `kioskWrites`, what the
// kiosk notifies comes from `kioskSays`. Lets through what a browser lets through, and no more.
(() => {
  const base64 = (view) => btoa(String.fromCharCode(...new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0)));
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

  class Characteristic extends EventTarget {
    constructor(uuid) {
      super();
      this.uuid = uuid;
      this.notifying = false;
    }

    async readValue() {
      return new DataView(bytes(await window.kioskReads(this.uuid)).buffer);
    }

    async writeValueWithResponse(value) {
      if (value.byteLength > 512) throw new DOMException("Value can't exceed 512 bytes.", "InvalidModificationError");
      const refused = await window.kioskWrites(this.uuid, base64(value));
      if (refused) throw new DOMException("GATT Error Unknown.", "NotSupportedError");
    }

    async startNotifications() {
      this.notifying = true;
      return this;
    }
  }

  const device = new EventTarget();
  const characteristics = new Map();
  const get = (uuid) => characteristics.get(uuid) ?? characteristics.set(uuid, new Characteristic(uuid)).get(uuid);
  const service = { getCharacteristic: async (uuid) => get(uuid) };
  device.gatt = {
    connected: false,
    async connect() {
      await window.kioskConnects();
      this.connected = true;
      return { getPrimaryService: async () => service };
    },
    disconnect() {
      if (!this.connected) return;
      this.connected = false;
      window.kioskHangsUp();
      device.dispatchEvent(new Event("gattserverdisconnected"));
    },
  };

  setInterval(async () => {
    if (!device.gatt.connected) return;
    for (const [uuid, value] of await window.kioskSays()) {
      const characteristic = get(uuid);
      characteristic.value = new DataView(bytes(value).buffer);
      if (characteristic.notifying) characteristic.dispatchEvent(new Event("characteristicvaluechanged"));
    }
  }, 20);

  Object.defineProperty(navigator, "bluetooth", {
    value: {
      async requestDevice({ filters }) {
        if (!filters.every(({ services }) => services.length)) throw new TypeError("a filter without services");
        if (!navigator.userActivation.isActive) throw new DOMException("no tap", "SecurityError");
        return device;
      },
    },
  });
})();
